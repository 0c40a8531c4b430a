//! `/v1/cipher/…` and `/v1/bootstrap/verify`: encryption as a service.

use http::Method;
use spike_core::wire::{
    ErrorCode, SecretBytes,
    v1::{
        BootstrapVerifyRequest, CipherDecryptRequest, CipherEncryptRequest, CipherEncryptResponse,
        Request,
    },
};
use zeroize::Zeroizing;

use super::NexusClient;
use crate::{
    ClientError,
    transport::{Call, OCTETS},
    v1,
};

impl NexusClient {
    /// Encrypts bytes; the parts of the ciphertext come one by one.
    pub async fn encrypt(
        &self,
        plaintext: SecretBytes,
    ) -> Result<CipherEncryptResponse, ClientError> {
        let request = CipherEncryptRequest { plaintext, algorithm: String::new() };
        self.v1(&request).await
    }

    /// Decrypts the parts that [`NexusClient::encrypt`] gave.
    pub async fn decrypt(&self, parts: &CipherDecryptRequest) -> Result<SecretBytes, ClientError> {
        Ok(self.v1(parts).await?.plaintext.unwrap_or_default())
    }

    /// Encrypts bytes into one piece: version, nonce, ciphertext and tag.
    pub async fn encrypt_stream(
        &self,
        plaintext: Zeroizing<Vec<u8>>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut piece = self.stream::<CipherEncryptRequest>(plaintext).await?;
        Ok(std::mem::take(&mut *piece))
    }

    /// Decrypts the piece that [`NexusClient::encrypt_stream`] gave.
    pub async fn decrypt_stream(
        &self,
        ciphertext: Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        self.stream::<CipherDecryptRequest>(Zeroizing::new(ciphertext)).await
    }

    /// Has Nexus decrypt what it encrypted before and returns the SHA-256 of the plaintext in hex:
    /// the proof that it has the same keys.
    pub async fn verify_bootstrap(
        &self,
        parts: &BootstrapVerifyRequest,
    ) -> Result<String, ClientError> {
        Ok(self.v1(parts).await?.hash)
    }

    /// The stream form of a route: bytes in, bytes out, and an error as a line of text.
    async fn stream<R: Request>(
        &self,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        let call =
            Call { method: Method::POST, target: R::PATH.into(), content_type: OCTETS, body };
        let answer = self.transport.exchange(call).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let line = std::str::from_utf8(&answer.body).unwrap_or_default().trim();
        match ErrorCode::from(line) {
            // Failures before the route is reached are JSON, and so is a line with spaces a text.
            ErrorCode::Other(_) if line.starts_with('{') || line.is_empty() => {
                Err(v1::failure(&self.transport, &answer))
            }
            code => Err(v1::by_code(&code)),
        }
    }
}
