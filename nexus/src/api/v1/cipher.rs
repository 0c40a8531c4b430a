//! `/v1/cipher/…` as JSON and as plain bytes, and `/v1/bootstrap/verify`.

use axum::response::Response;
use http::StatusCode;
use spike_core::wire::{
    ErrorCode,
    v1::{
        BootstrapVerifyRequest, BootstrapVerifyResponse, CipherDecryptRequest,
        CipherDecryptResponse, CipherEncryptRequest, CipherEncryptResponse,
    },
};
use zeroize::Zeroizing;

use crate::{
    api::{refuse, reply},
    app::{
        App,
        caller::Caller,
        error::{Error, Result},
    },
};

/// The length of a nonce.
const NONCE: usize = 12;

/// SPIKE's words for a stream that doesn't decrypt; they aren't in its code registry.
const UNDECRYPTABLE: &str = "decryption failed";

pub(super) async fn encrypt(
    app: &App,
    caller: &Caller,
    request: CipherEncryptRequest,
) -> Result<CipherEncryptResponse> {
    let sealed = app.encrypt(caller, request.plaintext.as_slice()).await?;
    Ok(CipherEncryptResponse {
        version: sealed.version,
        nonce: Some(sealed.nonce.to_vec().into()),
        ciphertext: Some(sealed.ciphertext.into()),
        err: None,
    })
}

pub(super) async fn decrypt(
    app: &App,
    caller: &Caller,
    request: CipherDecryptRequest,
) -> Result<CipherDecryptResponse> {
    let CipherDecryptRequest { version, nonce, ciphertext, .. } = request;
    let plaintext = app.decrypt(caller, version, nonce.as_slice(), ciphertext.as_slice()).await?;
    Ok(CipherDecryptResponse { plaintext: Some(plaintext.into()), err: None })
}

pub(super) async fn verify(
    app: &App,
    caller: &Caller,
    request: BootstrapVerifyRequest,
) -> Result<BootstrapVerifyResponse> {
    let (nonce, ciphertext) = (request.nonce.as_slice(), request.ciphertext.as_slice());
    let hash = app.verify_bootstrap(caller, nonce, ciphertext).await?;
    Ok(BootstrapVerifyResponse { hash: hex::encode(hash), err: None })
}

/// Bytes in; version, nonce, ciphertext and tag out.
pub(super) async fn encrypt_bytes(app: &App, caller: &Caller, body: &[u8]) -> Response {
    match app.encrypt(caller, body).await {
        Ok(sealed) => {
            let parts: [&[u8]; 3] = [&[sealed.version], &sealed.nonce, &sealed.ciphertext];
            reply::octets(Zeroizing::new(parts.concat()))
        }
        Err(error) => refused("cipher.encrypt", &error, None),
    }
}

/// What [`encrypt_bytes`] gave in, the bytes out.
pub(super) async fn decrypt_bytes(app: &App, caller: &Caller, body: &[u8]) -> Response {
    let stream = Stream::read(body);
    // Whoever may not decrypt doesn't learn what is wrong with the stream either.
    let (version, nonce, ciphertext) = match &stream {
        Ok(stream) => (stream.version, stream.nonce, stream.ciphertext),
        Err(_) => (0, &[][..], &[][..]),
    };
    match app.decrypt(caller, version, nonce, ciphertext).await {
        Ok(plaintext) => reply::octets(plaintext),
        Err(error) => refused("cipher.decrypt", &error, stream.err()),
    }
}

/// A stream, taken apart.
struct Stream<'a> {
    version: u8,
    nonce: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> Stream<'a> {
    fn read(body: &'a [u8]) -> std::result::Result<Self, ErrorCode> {
        let (&version, rest) = body.split_first().ok_or(ErrorCode::ReadVersion)?;
        if version != 1 {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let (nonce, ciphertext) = rest.split_at_checked(NONCE).ok_or(ErrorCode::ReadNonce)?;
        Ok(Self { version, nonce, ciphertext })
    }
}

fn refused(route: &'static str, error: &Error, stream: Option<ErrorCode>) -> Response {
    refuse::log(route, error);
    let (status, code) = refuse::code(error);
    match (error, stream) {
        (Error::Undecryptable, None) => reply::plain(status, UNDECRYPTABLE),
        (Error::BadRequest(_) | Error::Undecryptable, Some(reason)) => {
            reply::plain(StatusCode::BAD_REQUEST, reason.as_str())
        }
        _ => reply::plain(status, code.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_says_where_it_ends_too_early() {
        let code = |body: &[u8]| Stream::read(body).err();
        assert_eq!(code(&[]), Some(ErrorCode::ReadVersion));
        assert_eq!(code(&[2; 40]), Some(ErrorCode::UnsupportedVersion));
        assert_eq!(code(&[1; 12]), Some(ErrorCode::ReadNonce));
        assert_eq!(code(&[1; 13]), None);
    }
}
