//! When roots are made, signed with and forgotten. Pure: given the roots and the time, the next ones.
//!
//! A new root is published, then signed with when everybody has heard of it, then the old one is
//! forgotten when nothing that it signed lives any more. Each step is one change of one document.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spike_authority::builtin;
use zeroize::Zeroizing;

/// One root, and where it is in its life.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// Its certificate, as PEM.
    pub certificate: String,
    /// Its key, as PEM.
    #[serde(with = "secret_text")]
    pub key: Zeroizing<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// Since when everybody can have heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Since when another one signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
}

/// A text that is wiped; it is written to the Secret and nowhere else.
mod secret_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        text: &Zeroizing<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(deserializer).map(Zeroizing::new)
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root(made {}, [redacted])", self.made_at)
    }
}

/// The roots, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// Every root that something may still be signed by.
    pub roots: Vec<Root>,
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A root signs for this long before the next one is made.
    pub rotate_after: Duration,
    /// From publishing to signing: twice what the kubelet takes to bring a mounted bundle.
    pub settle: Duration,
    /// The longest that an SVID lives.
    pub svid_life: Duration,
}

impl Times {
    /// A third of a root's life is left for whatever goes wrong.
    pub fn new(svid_life: Duration) -> Self {
        Self { rotate_after: builtin::ROOT_LIFE / 3 * 2, settle: Duration::from_mins(5), svid_life }
    }
}

impl Roots {
    /// The root that signs: the oldest that is not retired.
    pub fn signing(&self) -> Option<&Root> {
        self.roots.iter().find(|root| root.retired_at.is_none())
    }

    /// Every root's certificate, as one PEM text.
    pub fn bundle(&self) -> String {
        self.roots.iter().map(|root| root.certificate.as_str()).collect()
    }

    /// The next roots; `None` if these are right. `published` says that everybody who looks finds all
    /// of them.
    pub fn next(
        &self,
        times: &Times,
        published: bool,
        now: Timestamp,
        make: impl FnOnce() -> Result<Root, builtin::IssueError>,
    ) -> Result<Option<Self>, builtin::IssueError> {
        let mut next = self.clone();
        let Some(signing) = next.roots.iter().position(|root| root.retired_at.is_none()) else {
            next.roots.push(make()?);
            return Ok(Some(next));
        };
        let unheard = next.roots.iter_mut().find(|root| root.published_at.is_none());
        if let Some(root) = unheard.filter(|_| published) {
            root.published_at = Some(now);
            return Ok(Some(next));
        }
        let successor = next.roots.get(signing + 1).and_then(|root| root.published_at);
        let old = next.roots.get_mut(signing);
        if let (Some(heard), Some(old)) = (successor, old)
            && passed(heard, times.settle, now)
        {
            old.retired_at = Some(now);
            return Ok(Some(next));
        }
        let over = |root: &Root| {
            root.retired_at.is_some_and(|since| passed(since, times.svid_life + times.settle, now))
        };
        if next.roots.iter().any(over) {
            next.roots.retain(|root| !over(root));
            return Ok(Some(next));
        }
        let alone = next.roots.len() == signing + 1;
        let aged = |root: &Root| passed(root.made_at, times.rotate_after, now);
        if alone && next.roots.get(signing).is_some_and(aged) {
            next.roots.push(make()?);
            return Ok(Some(next));
        }
        Ok(None)
    }
}

fn passed(since: Timestamp, span: Duration, now: Timestamp) -> bool {
    Duration::try_from(since.duration_until(now)).is_ok_and(|age| age >= span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        rotate_after: Duration::from_hours(100),
        settle: Duration::from_mins(5),
        svid_life: Duration::from_hours(1),
    };

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + minutes * 60).expect("a time")
    }

    fn root(name: &str, now: Timestamp) -> Root {
        Root {
            certificate: name.to_owned(),
            key: Zeroizing::new(String::new()),
            made_at: now,
            published_at: None,
            retired_at: None,
        }
    }

    fn step(roots: &Roots, published: bool, now: Timestamp, name: &str) -> Option<Roots> {
        roots.next(&TIMES, published, now, || Ok(root(name, now))).expect("nothing fails")
    }

    fn signer(roots: &Roots) -> &str {
        &roots.signing().expect("there is one").certificate
    }

    #[test]
    fn a_root_is_published_before_it_signs_and_outlives_what_it_signed() {
        let first = step(&Roots::default(), false, at(0), "a").expect("the first");
        assert_eq!(signer(&first), "a");
        let first = step(&first, true, at(0), "-").expect("published");
        assert_eq!(step(&first, true, at(60), "-"), None, "all is well");

        let later = 100 * 60;
        let two = step(&first, true, at(later), "b").expect("a second");
        assert_eq!((signer(&two), two.bundle().as_str()), ("a", "ab"));
        assert_eq!(step(&two, false, at(later + 60), "-"), None, "nobody has heard of it");
        let two = step(&two, true, at(later + 60), "-").expect("published");
        assert_eq!(step(&two, true, at(later + 64), "-"), None, "not everybody has");

        let two = step(&two, true, at(later + 65), "-").expect("signs");
        assert_eq!((signer(&two), two.bundle().as_str()), ("b", "ab"));
        assert_eq!(step(&two, true, at(later + 65 + 64), "-"), None, "what it signed still lives");
        let one = step(&two, true, at(later + 65 + 65), "-").expect("forgotten");
        assert_eq!((signer(&one), one.bundle().as_str()), ("b", "b"));
    }

    #[test]
    fn a_clock_that_goes_back_does_nothing() {
        let first = step(&Roots::default(), false, at(10), "a").expect("the first");
        let first = step(&first, true, at(10), "-").expect("published");
        assert_eq!(step(&first, true, at(-10_000), "b"), None);
    }

    #[test]
    fn roots_never_show_their_keys() {
        let mut roots = Roots { roots: vec![root("a", at(0))] };
        roots.roots.iter_mut().for_each(|root| root.key = Zeroizing::new("secret".to_owned()));
        assert!(!format!("{roots:?}").contains("secret"));
    }
}
