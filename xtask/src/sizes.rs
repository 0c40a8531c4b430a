//! Files and functions stay short enough to be read in one go.

use std::{fs, path::Path};

use anyhow::Context;
use syn::{Block, ImplItemFn, ItemFn, TraitItemFn, spanned::Spanned, visit::Visit};

use crate::Finding;

/// Lines of a file, its tests not counted.
const FILE_CEILING: usize = 400;
/// Lines of a function from its signature to its last brace.
const FUNCTION_CEILING: usize = 60;
/// Folders with other rules: tests may be long, generated code is nobody's prose.
const PASSED_OVER: [&str; 6] = ["tests", "benches", "examples", "proto", "target", "fuzz"];

pub(crate) fn check(folder: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let source = folder.join("src");
    walk(&source, &mut findings).with_context(|| format!("read {}", source.display()))?;
    Ok(findings)
}

fn walk(folder: &Path, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !PASSED_OVER.contains(&name) {
            walk(&path, findings)?;
        } else if is_measured(&path) {
            findings.extend(of_file(&path.display().to_string(), &fs::read_to_string(&path)?)?);
        }
    }
    Ok(())
}

fn is_measured(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    path.extension().is_some_and(|ending| ending == "rs")
        && stem != "tests"
        && !stem.ends_with("_tests")
}

fn of_file(name: &str, text: &str) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let lines = before_tests(text);
    if lines > FILE_CEILING {
        let problem =
            format!("{lines} lines, at most {FILE_CEILING}: split it by what it is about");
        findings.push(Finding::new(name, problem));
    }
    let mut visitor = Functions { name, findings: &mut findings };
    visitor.visit_file(&syn::parse_file(text).with_context(|| format!("parse {name}"))?);
    Ok(findings)
}

/// The lines before the module of tests that ends a file. `#[cfg(test)]` on anything else ends
/// nothing: what follows is code.
fn before_tests(text: &str) -> usize {
    let opens = |line: &&str| line.starts_with("mod ") && line.ends_with('{');
    let marked = text.lines().zip(text.lines().skip(1));
    let at = marked.into_iter().position(|(line, next)| line == "#[cfg(test)]" && opens(&next));
    at.unwrap_or_else(|| text.lines().count())
}

struct Functions<'a> {
    name: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        let lines = last + 1 - first;
        if lines > FUNCTION_CEILING {
            let place = format!("{}:{first}", self.name);
            let problem =
                format!("{} has {lines} lines, at most {FUNCTION_CEILING}", signature.ident);
            self.findings.push(Finding::new(place, problem));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_function_is_reported_where_it_starts() {
        let body = "    let _ = 1;\n".repeat(59);
        let text = format!("//! A file.\nfn long() {{\n{body}}}\n");
        let found = of_file("a.rs", &text).expect("parses");
        assert_eq!(found, [Finding::new("a.rs:2", "long has 61 lines, at most 60")]);
    }

    #[test]
    fn tests_do_not_count_towards_a_file() {
        let code = "const A: u8 = 1;\n".repeat(400);
        let tests = "#[cfg(test)]\nmod tests {\n}\n".repeat(2);
        assert_eq!(of_file("a.rs", &format!("{code}{tests}")).expect("parses"), []);
        let found = of_file("a.rs", &format!("{code}const B: u8 = 1;\n")).expect("parses");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn what_stands_behind_a_declared_test_module_counts() {
        let code = "const A: u8 = 1;\n".repeat(400);
        for marked in ["mod tests;", "use std::fmt;", "fn only_for_tests() {}"] {
            let text = format!("#[cfg(test)]\n{marked}\n{code}");
            let found = of_file("a.rs", &text).expect("parses");
            assert_eq!(found.len(), 1, "{marked}");
        }
    }
}
