//! Naming every path.

use spike_core::SecretPath;
use spike_store::{Call, Listed, Page, Seen};

use super::believe;
use crate::app::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
    settle::{Known, Lookup},
    verdict::Ask,
};

/// How many heads one page has: some hundred kilobytes.
const PAGE: u32 = 1000;

/// All paths, with the epochs of the last page: they only rise, so if these were known before the
/// first page, every page had them.
struct AllPaths;

impl Lookup for AllPaths {
    type Found = Vec<String>;

    async fn look(
        &self,
        app: &App,
        call: &Call,
        known: &Known,
    ) -> Result<Seen<Option<Vec<String>>>> {
        let mut paths = Vec::new();
        let mut after: Option<SecretPath> = None;
        loop {
            let page = Page { prefix: String::new(), after: after.take(), limit: PAGE };
            let Seen { epochs, value: Listed { heads, more } } = app.store.list(call, page).await?;
            if epochs.ring != known.unsealed.ring.revision() {
                return Ok(Seen { epochs, value: None });
            }
            for (path, row) in &heads {
                let head = believe(&known.unsealed.keys, path, row)?;
                if !head.is_tombstone() {
                    paths.push(path.as_str().to_owned());
                }
            }
            after = heads.into_iter().next_back().map(|(path, _)| path);
            match (more, &after) {
                (false, _) => return Ok(Seen { epochs, value: Some(paths) }),
                (true, Some(_)) => {}
                (true, None) => {
                    let endless = "an empty page that isn't the last".to_owned();
                    return Err(Error::Store(spike_store::StoreError::Corrupt(endless)));
                }
            }
        }
    }
}

impl App {
    /// The names of all paths in byte order, those included of which every version is deleted.
    pub(crate) async fn list_secrets(&self, caller: &Caller) -> Result<Vec<String>> {
        let mut trail = Trail::new(caller, "secret.list");
        let result = match self.settle(caller, &Ask::secrets(), &AllPaths).await {
            Ok((standing, paths)) => {
                trail.allowed(&standing.verdict);
                Ok(paths)
            }
            Err(error) => Err(error),
        };
        self.told(trail, result).await
    }
}
