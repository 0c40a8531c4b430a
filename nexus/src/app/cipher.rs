//! Encryption as a service: bytes in, bytes out, nothing kept.

use sha2::{Digest, Sha256};
use spike_core::Role;
use spike_seal::{CipherText, SealError};
use zeroize::Zeroizing;

use super::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
    settle::{OnlyEpochs, Standing},
    verdict::Ask,
};

impl App {
    /// Encrypts, under a key that no caller ever has.
    pub(crate) async fn encrypt(&self, caller: &Caller, plaintext: &[u8]) -> Result<CipherText> {
        let mut trail = Trail::new(caller, "cipher.encrypt");
        let result = self.allowed(&mut trail, caller, &Ask::Cipher).await.and_then(|standing| {
            self.fits(plaintext.len())?;
            let keys = &standing.known.unsealed.keys;
            let sealed = keys.encrypt(&mut rand::rng(), plaintext);
            sealed.map_err(|error| Error::Internal(error.to_string()))
        });
        self.told(trail, result).await
    }

    /// Decrypts what [`App::encrypt`] made.
    pub(crate) async fn decrypt(
        &self,
        caller: &Caller,
        version: u8,
        nonce: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut trail = Trail::new(caller, "cipher.decrypt");
        let result = self
            .allowed(&mut trail, caller, &Ask::Cipher)
            .await
            .and_then(|standing| self.opened(&standing, version, nonce, ciphertext));
        self.told(trail, result).await
    }

    /// Proves to Bootstrap that this Nexus has the keys: the SHA-256 of what it encrypted.
    pub(crate) async fn verify_bootstrap(
        &self,
        caller: &Caller,
        nonce: &[u8],
        ciphertext: &[u8],
    ) -> Result<[u8; 32]> {
        let mut trail = Trail::new(caller, "bootstrap.verify");
        let result = self
            .allowed(&mut trail, caller, &Ask::role(Role::Bootstrap))
            .await
            .and_then(|standing| self.opened(&standing, 1, nonce, ciphertext))
            .map(|plaintext| Sha256::digest(&*plaintext).into());
        self.told(trail, result).await
    }

    /// The decision alone.
    pub(super) async fn allowed(
        &self,
        trail: &mut Trail<'_>,
        caller: &Caller,
        ask: &Ask<'_>,
    ) -> Result<Standing> {
        let (standing, ()) = self.settle(caller, ask, &OnlyEpochs).await?;
        trail.allowed(&standing.verdict);
        Ok(standing)
    }

    fn opened(
        &self,
        standing: &Standing,
        version: u8,
        nonce: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        // Whatever was encrypted can be decrypted: the tag doesn't count.
        self.fits(ciphertext.len().saturating_sub(CipherText::TAG))?;
        standing.known.unsealed.keys.decrypt(version, nonce, ciphertext).map_err(
            |error| match error {
                SealError::Undecryptable => Error::Undecryptable,
                other => Error::bad(other),
            },
        )
    }

    fn fits(&self, bytes: usize) -> Result<()> {
        let most = self.bounds.max_ciphertext;
        if bytes > most {
            return Err(Error::BadRequest(format!("{bytes} bytes, at most {most} are taken")));
        }
        Ok(())
    }
}
