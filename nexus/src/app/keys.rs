//! How the root key is split: by role, whatever policies say.

use std::sync::Arc;

use spike_core::{Quorum, Role, wire::v2::keys::EnsureRequest};

use super::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
};
use crate::{
    boot::{Asked, Boot, Wish},
    keys::Unsealed,
};

/// Below it every Keeper alone holds the root key: the superuser may, a program may not.
const SAFE_THRESHOLD: u8 = 2;

/// A `SpikeCluster` counts its generations so far.
const MOST_GENERATIONS: u64 = i64::MAX as u64;

impl App {
    /// The ring as it is now. Only a refusal is audited: whoever watches a re-share asks every few
    /// seconds.
    pub(crate) async fn show_keys(&self, caller: &Caller) -> Result<Arc<Unsealed>> {
        if !may_change(caller) {
            return self.told(Trail::new(caller, "keys"), Err(Error::Denied)).await;
        }
        Ok(self.keys.now(&self.unnamed(caller)).await?.1)
    }

    /// Makes a split the ring's target, unless it is that already.
    pub(crate) async fn ensure_keys(
        &self,
        caller: &Caller,
        boot: &Boot,
        asked: Result<Asked>,
    ) -> Result<Arc<Unsealed>> {
        let mut trail = Trail::new(caller, "keys.ensure");
        let result = match allowed(caller, asked) {
            Ok(asked) => {
                trail.about(&asked.wish);
                self.announce(&mut trail).await?;
                boot.ensure(&self.unnamed(caller), asked).await.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        self.settled(trail, result).await
    }
}

/// What was asked for, if it can be.
pub(crate) fn asked(request: &EnsureRequest) -> Result<Asked> {
    let EnsureRequest { generation, shares, threshold, expect } = *request;
    if !(1..=MOST_GENERATIONS).contains(&generation) {
        return Err(Error::BadRequest(format!("generation: 1 to {MOST_GENERATIONS}")));
    }
    let quorum = Quorum::new(shares, threshold).map_err(|invalid| {
        let field = match u8::try_from(shares) {
            Err(_) | Ok(0) => "shares",
            Ok(_) => "threshold",
        };
        Error::BadRequest(format!("{field}: {invalid}"))
    })?;
    Ok(Asked { wish: Wish { generation, quorum }, expect })
}

/// A stranger learns nothing from what is wrong with a request.
fn allowed(caller: &Caller, asked: Result<Asked>) -> Result<Asked> {
    if !may_change(caller) {
        return Err(Error::Denied);
    }
    let asked = asked?;
    let unsafe_split = asked.wish.quorum.threshold() < SAFE_THRESHOLD;
    if unsafe_split && !caller.is(Role::Superuser) { Err(Error::Denied) } else { Ok(asked) }
}

fn may_change(caller: &Caller) -> bool {
    caller.is(Role::Superuser) || caller.is(Role::Operator)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use spike_core::Roles;
    use spike_store::TraceId;
    use tokio::time::Instant;

    use super::*;

    fn by(role: Role) -> Caller {
        let id = role.id("spike.ist").parse().expect("a SPIFFE ID");
        let (role, trace) = (Roles::default().of(&id), TraceId::default());
        Caller { id, role, at: Timestamp::UNIX_EPOCH, since: Instant::now(), trace }
    }

    #[test]
    fn only_the_superuser_may_give_every_keeper_the_whole_key() {
        for role in Role::ALL {
            let may = |threshold| allowed(&by(role), wanted(2, 3, threshold)).is_ok();
            let expected = match role {
                Role::Superuser => (true, true),
                Role::Operator => (true, false),
                _ => (false, false),
            };
            assert_eq!((may(2), may(1)), expected, "{role:?}");
        }
    }

    #[test]
    fn a_stranger_is_not_told_what_is_wrong() {
        let refused = allowed(&by(Role::Lite), wanted(2, 3, 9));
        assert!(matches!(refused, Err(Error::Denied)), "{refused:?}");
    }

    fn wanted(generation: u64, shares: u64, threshold: u64) -> Result<Asked> {
        asked(&EnsureRequest { generation, shares, threshold, expect: None })
    }

    #[test]
    fn a_number_that_cannot_be_is_named() {
        for (shares, threshold, field) in [
            (0, 0, "shares: "),
            (256, 2, "shares: "),
            (u64::MAX, u64::MAX, "shares: "),
            (3, 0, "threshold: "),
            (3, 4, "threshold: "),
            (3, 300, "threshold: "),
        ] {
            match wanted(1, shares, threshold) {
                Err(Error::BadRequest(why)) => assert!(why.starts_with(field), "{why}"),
                other => panic!("{threshold} of {shares}: {other:?}"),
            }
        }
        for generation in [0, u64::MAX] {
            let refused = wanted(generation, 3, 2);
            assert!(
                matches!(refused, Err(Error::BadRequest(why)) if why.starts_with("generation"))
            );
        }
        assert!(wanted(MOST_GENERATIONS, 255, 255).is_ok());
    }
}
