//! Character classes: `[…]`.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::{BadPattern, escape};

/// Reads a class from behind its opening bracket, and returns what is behind its closing one.
pub(super) fn parse(text: &str, fold: bool) -> Result<(ClassUnicode, &str), BadPattern> {
    let (mut rest, negated) = text.strip_prefix('^').map_or((text, false), |rest| (rest, true));
    let mut class = ClassUnicode::empty();
    let mut first = true;
    // A closing bracket that comes first stands for itself.
    while first || !rest.starts_with(']') {
        first = false;
        let (part, behind) = part(rest, fold)?;
        class.union(&part);
        rest = behind;
    }
    if fold {
        class.case_fold_simple();
    }
    if negated {
        class.negate();
    }
    Ok((class, rest.get(1..).unwrap_or_default()))
}

/// One element: `[:alpha:]`, `\d`, `a-z` or `a`.
fn part(text: &str, fold: bool) -> Result<(ClassUnicode, &str), BadPattern> {
    if let Some((name, rest)) = text.strip_prefix("[:").and_then(|named| named.split_once(":]")) {
        return Ok((posix(name, fold)?, rest));
    }
    if let Some(found) = escape::class(text, fold)? {
        return Ok(found);
    }
    let (from, rest) = code_point(text)?;
    match rest.strip_prefix('-') {
        Some(behind) if !behind.is_empty() && !behind.starts_with(']') => {
            let (to, rest) = code_point(behind)?;
            if to < from {
                return Err(BadPattern::ClassRange);
            }
            Ok((range(from, to), rest))
        }
        _ => Ok((range(from, from), rest)),
    }
}

fn code_point(text: &str) -> Result<(u32, &str), BadPattern> {
    let mut chars = text.chars();
    match chars.next() {
        None => Err(BadPattern::UnclosedClass),
        Some('\\') => escape::code_point(text),
        Some(c) => Ok((c.into(), chars.as_str())),
    }
}

const SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;

/// A range without the surrogates, which Go counts as characters and no text contains.
fn range(from: u32, to: u32) -> ClassUnicode {
    let below = (from, to.min(SURROGATES.start() - 1));
    let above = (from.max(SURROGATES.end() + 1), to);
    let ranges =
        [below, above].into_iter().filter(|(from, to)| from <= to).filter_map(|(from, to)| {
            Some(ClassUnicodeRange::new(char::from_u32(from)?, char::from_u32(to)?))
        });
    ClassUnicode::new(ranges)
}

/// The class of a name like `alpha` or `^alpha`.
fn posix(name: &str, fold: bool) -> Result<ClassUnicode, BadPattern> {
    let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return Err(BadPattern::ClassRange),
    };
    let mut class = escape::ranges(ranges);
    if fold {
        class.case_fold_simple();
    }
    if negated {
        class.negate();
    }
    Ok(class)
}
