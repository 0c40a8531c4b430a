//! What a backslash begins, inside a class and outside.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::BadPattern;

/// `\d`, `\pL` and the like: the class and what is behind it. `None` for another escape.
pub(super) fn class(text: &str, fold: bool) -> Result<Option<(ClassUnicode, &str)>, BadPattern> {
    let mut chars = text.chars();
    if chars.next() != Some('\\') {
        return Ok(None);
    }
    let Some(letter) = chars.next() else {
        return Ok(None);
    };
    let (mut class, rest, negated) = match letter {
        'd' | 'D' => (ranges(&[('0', '9')]), chars.as_str(), letter == 'D'),
        's' | 'S' => {
            let space = ranges(&[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')]);
            (space, chars.as_str(), letter == 'S')
        }
        'w' | 'W' => {
            let word = ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]);
            (word, chars.as_str(), letter == 'W')
        }
        'p' | 'P' => {
            let (name, rest) = unicode_name(chars.as_str())?;
            let (name, inverted) = name.strip_prefix('^').map_or((name, false), |n| (n, true));
            (unicode_class(name)?, rest, (letter == 'P') != inverted)
        }
        _ => return Ok(None),
    };
    if fold {
        class.case_fold_simple();
    }
    if negated {
        class.negate();
    }
    Ok(Some((class, rest)))
}

pub(super) fn ranges(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(from, to)| ClassUnicodeRange::new(from, to)))
}

/// The `L` of `\pL`, the `Greek` of `\p{Greek}`.
fn unicode_name(text: &str) -> Result<(&str, &str), BadPattern> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}').ok_or(BadPattern::ClassRange);
    }
    let letter = text.chars().next().ok_or(BadPattern::ClassRange)?;
    Ok(text.split_at(letter.len_utf8()))
}

/// The names that Go knows, in its spelling; made by `tests/re2/gen`.
const UNICODE_NAMES: &str = include_str!("unicode_names.txt");

/// A category or a script. Go ignores case, blanks, dashes and underscores.
fn unicode_class(name: &str) -> Result<ClassUnicode, BadPattern> {
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if !UNICODE_NAMES.lines().any(|known| known == plain) {
        return Err(BadPattern::ClassRange);
    }
    // The surrogates are a category in Go; no text contains one.
    if matches!(plain.as_str(), "cs" | "surrogate") {
        return Ok(ClassUnicode::empty());
    }
    [format!(r"\p{{gc={plain}}}"), format!(r"\p{{sc={plain}}}")]
        .iter()
        .find_map(|query| match regex_syntax::parse(query).ok()?.into_kind() {
            HirKind::Class(Class::Unicode(class)) => Some(class),
            HirKind::Literal(literal) => {
                let c = str::from_utf8(&literal.0).ok()?.chars().next()?;
                Some(ranges(&[(c, c)]))
            }
            _ => None,
        })
        .ok_or(BadPattern::ClassRange)
}

/// An escape that stands for one code point, and what is behind it.
pub(super) fn code_point(text: &str) -> Result<(u32, &str), BadPattern> {
    let mut chars = text.chars();
    chars.next();
    let c = chars.next().ok_or(BadPattern::TrailingBackslash)?;
    let rest = chars.as_str();
    let code = match c {
        '0'..='7' => return octal(text.get(1..).unwrap_or_default()),
        'x' => return hexadecimal(rest),
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        // Marks stand for themselves; letters may get a meaning one day.
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c.into(),
        _ => return Err(BadPattern::Escape),
    };
    Ok((code, rest))
}

/// Up to three digits; a single one other than 0 would be a reference to a group.
fn octal(text: &str) -> Result<(u32, &str), BadPattern> {
    let length = text.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
    let (digits, rest) = text.split_at(length);
    if length == 1 && digits != "0" {
        return Err(BadPattern::Escape);
    }
    u32::from_str_radix(digits, 8).map(|code| (code, rest)).map_err(|_| BadPattern::Escape)
}

/// Two digits, or any number of them in braces.
fn hexadecimal(text: &str) -> Result<(u32, &str), BadPattern> {
    let (digits, rest) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}'),
        None => text.split_at_checked(2),
    }
    .ok_or(BadPattern::Escape)?;
    let code = if digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        u32::from_str_radix(digits, 16).ok()
    } else {
        None
    };
    code.filter(|&code| code <= char::MAX.into()).map(|code| (code, rest)).ok_or(BadPattern::Escape)
}
