//! The grammar outside character classes.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Dot, Hir, Look, Repetition};

use super::{BadPattern, MAX_DEPTH, MAX_REPEAT, class, escape};

pub(super) fn parse(pattern: &str) -> Result<Hir, BadPattern> {
    let mut parser = Parser {
        rest: pattern,
        flags: Flags::default(),
        outer: Vec::new(),
        group: Group::default(),
    };
    let mut after_repetition = false;
    while !parser.rest.is_empty() {
        after_repetition = parser.step(after_repetition)?;
    }
    if parser.outer.is_empty() {
        Ok(parser.group.close()?.hir)
    } else {
        Err(BadPattern::UnclosedGroup)
    }
}

/// What `(?i)` and the like switch. `U` makes no difference to whether there is a match.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// `i`: letters match in any case.
    fold: bool,
    /// `m`: `^` and `$` match at lines, too.
    lines: bool,
    /// `s`: `.` matches a line feed.
    dot_all: bool,
}

/// An expression, and what Go limits about it.
struct Node {
    hir: Hir,
    /// The largest product of repetition counts around a part of it.
    repeats: u32,
    depth: u32,
}

impl Node {
    fn leaf(hir: Hir) -> Self {
        Self { hir, repeats: 1, depth: 1 }
    }

    fn around(parts: Vec<Self>, join: fn(Vec<Hir>) -> Hir) -> Self {
        let repeats = parts.iter().map(|part| part.repeats).max().unwrap_or(1);
        let depth = parts.iter().map(|part| part.depth).max().unwrap_or(0);
        Self { hir: join(parts.into_iter().map(|part| part.hir).collect()), repeats, depth }
    }

    fn deeper(self) -> Result<Self, BadPattern> {
        if self.depth == MAX_DEPTH {
            return Err(BadPattern::TooDeep);
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

/// What was read since an opening parenthesis.
#[derive(Default)]
struct Group {
    /// The flags behind the closing parenthesis.
    flags: Flags,
    /// The alternatives before the last `|`.
    branches: Vec<Node>,
    /// What was read since then.
    items: Vec<Node>,
}

impl Group {
    fn branch(&mut self) {
        let items = std::mem::take(&mut self.items);
        self.branches.push(Node::around(items, Hir::concat));
    }

    fn close(mut self) -> Result<Node, BadPattern> {
        self.branch();
        Node::around(self.branches, Hir::alternation).deeper()
    }
}

struct Parser<'p> {
    rest: &'p str,
    flags: Flags,
    outer: Vec<Group>,
    group: Group,
}

impl Parser<'_> {
    /// Reads one item; true if it was a repetition operator, which another one must not follow.
    fn step(&mut self, after_repetition: bool) -> Result<bool, BadPattern> {
        if let Some((counts, rest)) = repetition(self.rest)? {
            // A question mark behind it prefers short matches: whether there is one stays the same.
            self.rest = rest.strip_prefix('?').unwrap_or(rest);
            if after_repetition {
                return Err(BadPattern::NestedRepetition);
            }
            return self.repeat(counts).map(|()| true);
        }
        let mut chars = self.rest.chars();
        let next = chars.next().unwrap_or_default();
        if next == '\\' {
            return self.backslash().map(|()| false);
        }
        if next == '(' && chars.as_str().starts_with('?') {
            return self.special_group().map(|()| false);
        }
        self.rest = chars.as_str();
        match next {
            '(' => self.open(self.flags),
            ')' => self.close()?,
            '|' => self.group.branch(),
            '^' if self.flags.lines => self.look(Look::StartLF),
            '^' => self.look(Look::Start),
            '$' if self.flags.lines => self.look(Look::EndLF),
            '$' => self.look(Look::End),
            '.' if self.flags.dot_all => self.push(Hir::dot(Dot::AnyChar)),
            '.' => self.push(Hir::dot(Dot::AnyCharExceptLF)),
            '[' => {
                let (class, rest) = class::parse(self.rest, self.flags.fold)?;
                self.rest = rest;
                self.push(Hir::class(Class::Unicode(class)));
            }
            literal => self.literal(literal.into()),
        }
        Ok(false)
    }

    fn push(&mut self, hir: Hir) {
        self.group.items.push(Node::leaf(hir));
    }

    fn look(&mut self, look: Look) {
        self.push(Hir::look(look));
    }

    /// A code point. A surrogate is one in Go, though no text contains it.
    fn literal(&mut self, code: u32) {
        let Some(c) = char::from_u32(code) else {
            return self.push(Hir::fail());
        };
        if self.flags.fold {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
            class.case_fold_simple();
            self.push(Hir::class(Class::Unicode(class)));
        } else {
            self.push(Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes()));
        }
    }

    fn open(&mut self, after: Flags) {
        let group = Group { flags: after, ..Group::default() };
        self.outer.push(std::mem::replace(&mut self.group, group));
    }

    fn close(&mut self) -> Result<(), BadPattern> {
        let outer = self.outer.pop().ok_or(BadPattern::UnopenedGroup)?;
        let group = std::mem::replace(&mut self.group, outer);
        self.flags = group.flags;
        self.group.items.push(group.close()?);
        Ok(())
    }

    fn repeat(&mut self, Counts { min, max, counted }: Counts) -> Result<(), BadPattern> {
        let node = self.group.items.pop().ok_or(BadPattern::NothingToRepeat)?.deeper()?;
        let count = if counted { max.unwrap_or(min) } else { 1 };
        let repeats = if max == Some(0) { 1 } else { node.repeats.saturating_mul(count.max(1)) };
        if repeats > MAX_REPEAT {
            return Err(BadPattern::RepeatCount);
        }
        let hir = Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(node.hir) });
        self.group.items.push(Node { hir, repeats, depth: node.depth });
        Ok(())
    }

    /// `(?…`: a named group, or flags with or without a group.
    fn special_group(&mut self) -> Result<(), BadPattern> {
        let rest = self.rest.get(2..).unwrap_or_default();
        let named = rest.strip_prefix("P<").or_else(|| rest.strip_prefix('<'));
        if let Some(rest) = named.filter(|rest| !rest.is_empty()) {
            let (name, rest) = rest.split_once('>').ok_or(BadPattern::NamedCapture)?;
            if name.is_empty() || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
                return Err(BadPattern::NamedCapture);
            }
            self.rest = rest;
            self.open(self.flags);
            return Ok(());
        }
        let end = rest.find([':', ')']).ok_or(BadPattern::PerlSyntax)?;
        let (letters, rest) = rest.split_at(end);
        let before = self.flags;
        self.flags = self.flags.changed(letters)?;
        if rest.starts_with(':') {
            self.open(before);
        }
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), BadPattern> {
        let rest = self.rest.get(1..).unwrap_or_default();
        if let Some(quoted) = rest.strip_prefix('Q') {
            let (literals, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            literals.chars().for_each(|c| self.literal(c.into()));
            self.rest = rest;
            return Ok(());
        }
        let mut chars = rest.chars();
        let look = match chars.next() {
            Some('A') => Look::Start,
            Some('z') => Look::End,
            Some('b') => Look::WordAscii,
            Some('B') => Look::WordAsciiNegate,
            _ => return self.escape(),
        };
        self.rest = chars.as_str();
        self.look(look);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), BadPattern> {
        if let Some((class, rest)) = escape::class(self.rest, self.flags.fold)? {
            self.push(Hir::class(Class::Unicode(class)));
            self.rest = rest;
        } else {
            let (code, rest) = escape::code_point(self.rest)?;
            self.literal(code);
            self.rest = rest;
        }
        Ok(())
    }
}

impl Flags {
    /// Applies the letters between `(?` and `:` or `)`.
    fn changed(mut self, letters: &str) -> Result<Self, BadPattern> {
        let (on, off) = letters.split_once('-').unwrap_or((letters, ""));
        if letters.contains('-') && off.is_empty() {
            return Err(BadPattern::PerlSyntax);
        }
        for (letters, value) in [(on, true), (off, false)] {
            for letter in letters.chars() {
                match letter {
                    'i' => self.fold = value,
                    'm' => self.lines = value,
                    's' => self.dot_all = value,
                    'U' => {}
                    _ => return Err(BadPattern::PerlSyntax),
                }
            }
        }
        Ok(self)
    }
}

/// How often something repeats.
struct Counts {
    min: u32,
    max: Option<u32>,
    /// Written as `{…}`.
    counted: bool,
}

/// A repetition operator and what is behind it. A brace that isn't one stands for itself.
fn repetition(text: &str) -> Result<Option<(Counts, &str)>, BadPattern> {
    let mut chars = text.chars();
    let (min, max) = match chars.next() {
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('?') => (0, Some(1)),
        Some('{') => return counted(chars.as_str()),
        _ => return Ok(None),
    };
    Ok(Some((Counts { min, max, counted: false }, chars.as_str())))
}

fn counted(text: &str) -> Result<Option<(Counts, &str)>, BadPattern> {
    let Some((inside, rest)) = text.split_once('}') else {
        return Ok(None);
    };
    let (min, max) = match inside.split_once(',') {
        Some((min, "")) => (min, None),
        Some((min, max)) => (min, Some(max)),
        None => (inside, Some(inside)),
    };
    if !is_number(min) || !max.is_none_or(is_number) {
        return Ok(None);
    }
    let value = |digits: &str| match digits.parse() {
        Ok(value) if value <= MAX_REPEAT => Ok(value),
        _ => Err(BadPattern::RepeatCount),
    };
    let (min, max) = (value(min)?, max.map(value).transpose()?);
    if max.is_some_and(|max| max < min) {
        return Err(BadPattern::RepeatCount);
    }
    Ok(Some((Counts { min, max, counted: true }, rest)))
}

/// Digits without a leading zero.
fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}
