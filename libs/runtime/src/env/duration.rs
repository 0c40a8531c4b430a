//! Durations as Go writes them.

use std::time::Duration;

/// A text that isn't a duration of zero or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDuration {
    /// No number where one must be.
    #[error("not a duration")]
    Syntax,
    /// A number without a unit.
    #[error("a duration needs a unit: 500ms, 5s or 2m")]
    Unit,
    /// Below zero.
    #[error("a duration can't be negative here")]
    Negative,
    /// More than Go's 292 years.
    #[error("too long a duration")]
    Range,
}

/// Reads `1h2m3.5s`, `500ms`, `0`; units `ns`, `us`, `µs`, `ms`, `s`, `m`, `h`, in any order.
///
/// # Source
///
/// Go's `time.ParseDuration`, less the negative ones.
pub fn parse_duration(raw: &str) -> Result<Duration, InvalidDuration> {
    let mut rest = raw.strip_prefix('+').unwrap_or(raw);
    let negative = rest.strip_prefix('-');
    rest = negative.unwrap_or(rest);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(InvalidDuration::Syntax);
    }

    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (part, after) = segment(rest)?;
        nanos = nanos.checked_add(part).ok_or(InvalidDuration::Range)?;
        rest = after;
    }
    let nanos = i64::try_from(nanos).map_err(|_| InvalidDuration::Range)?;
    match negative {
        Some(_) if nanos > 0 => Err(InvalidDuration::Negative),
        _ => Ok(Duration::from_nanos(nanos.unsigned_abs())),
    }
}

/// One `<number><unit>` in nanoseconds, and what follows it.
fn segment(raw: &str) -> Result<(u128, &str), InvalidDuration> {
    let (whole, rest) = digits(raw);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(InvalidDuration::Syntax);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit = nanos_in(unit)?;

    let whole: u128 =
        if whole.is_empty() { Ok(0) } else { whole.parse() }.map_err(|_| InvalidDuration::Range)?;
    let whole = whole.checked_mul(unit).ok_or(InvalidDuration::Range)?;
    Ok((whole + fraction_of(unit, fraction), rest))
}

/// `unit` times `0.<digits>`, rounded down. Eighteen digits are more than a nanosecond can show.
fn fraction_of(unit: u128, digits: &str) -> u128 {
    let (value, scale) = digits
        .bytes()
        .take(18)
        .fold((0, 1), |(value, scale), digit| (value * 10 + u128::from(digit - b'0'), scale * 10));
    unit * value / scale
}

fn digits(raw: &str) -> (&str, &str) {
    raw.split_at(raw.find(|c: char| !c.is_ascii_digit()).unwrap_or(raw.len()))
}

fn nanos_in(unit: &str) -> Result<u128, InvalidDuration> {
    match unit {
        "ns" => Ok(1),
        "us" | "µs" | "μs" => Ok(1_000),
        "ms" => Ok(1_000_000),
        "s" => Ok(1_000_000_000),
        "m" => Ok(60_000_000_000),
        "h" => Ok(3_600_000_000_000),
        "" => Err(InvalidDuration::Unit),
        _ => Err(InvalidDuration::Syntax),
    }
}
