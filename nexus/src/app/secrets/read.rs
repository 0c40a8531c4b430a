//! Reading a secret, and what is known of its versions.

use spike_core::{Head, SecretPath, policy::Permission};
use spike_seal::RecordAt;
use spike_store::{Found, Select};
use zeroize::Zeroizing;

use super::{OnePath, Sent, Wanted, believe};
use crate::app::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
    settle::Standing,
    verdict::Ask,
};

impl App {
    /// The plaintext of a version.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such version or it is deleted.
    pub(crate) async fn get_secret(
        &self,
        caller: &Caller,
        path: Sent,
        wanted: Wanted,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut trail = Trail::new(caller, "secret.get");
        let result = self.get(&mut trail, caller, path, wanted).await;
        self.told(trail, result).await
    }

    async fn get(
        &self,
        trail: &mut Trail<'_>,
        caller: &Caller,
        path: Sent,
        wanted: Wanted,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let path = self.path(trail, caller, path).await?;
        let select = match wanted {
            Wanted::Current => Select::Current,
            Wanted::Number(version) => Select::Version(version),
            Wanted::Impossible => Select::Head,
        };
        let ask = Ask::secret(&path, Permission::Read);
        let (standing, found) = self.settle(caller, &ask, &OnePath::new(&path, select)).await?;
        trail.allowed(&standing.verdict);
        let head = existing(&standing, &path, &found)?;
        let entry = wanted.readable(&head);
        trail.at(entry.map(|entry| entry.number), head.revision);
        let entry = entry.ok_or(Error::NotFound)?;

        let at = RecordAt { path: &path, incarnation: head.incarnation, version: entry.number };
        match &found.record {
            Some((number, sealed)) if *number == entry.number => standing
                .known
                .unsealed
                .keys
                .open_record(at, entry.tag, &sealed.0)
                .map_err(|error| Error::tampered("record_forged", &path, error)),
            _ => {
                let gone = spike_seal::SealError::Contradiction("record");
                Err(Error::tampered("record_missing", &path, gone))
            }
        }
    }

    /// The head of a path of which the wanted version can be read.
    pub(crate) async fn describe_secret(
        &self,
        caller: &Caller,
        path: Sent,
        wanted: Wanted,
    ) -> Result<Head> {
        let mut trail = Trail::new(caller, "secret.metadata");
        let result = self.describe(&mut trail, caller, path, wanted).await;
        self.told(trail, result).await
    }

    async fn describe(
        &self,
        trail: &mut Trail<'_>,
        caller: &Caller,
        path: Sent,
        wanted: Wanted,
    ) -> Result<Head> {
        let path = self.path(trail, caller, path).await?;
        let ask = Ask::secret(&path, Permission::Read);
        let lookup = OnePath::new(&path, Select::Head);
        let (standing, found) = self.settle(caller, &ask, &lookup).await?;
        trail.allowed(&standing.verdict);
        let head = existing(&standing, &path, &found)?;
        let readable = wanted.readable(&head).map(|entry| entry.number);
        trail.at(readable, head.revision);
        if readable.is_some() { Ok(head) } else { Err(Error::NotFound) }
    }

    /// The path, for a trail that knows it from here on.
    pub(super) async fn path(
        &self,
        trail: &mut Trail<'_>,
        caller: &Caller,
        sent: Sent,
    ) -> Result<SecretPath> {
        match sent {
            Ok(path) => {
                trail.about(&path);
                Ok(path)
            }
            Err(why) => Err(self.refuse_path(caller, why).await),
        }
    }
}

/// The head that was found, believed.
fn existing(standing: &Standing, path: &SecretPath, found: &Found) -> Result<Head> {
    let row = found.head.as_ref().ok_or(Error::NotFound)?;
    believe(&standing.known.unsealed.keys, path, row)
}
