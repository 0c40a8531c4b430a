//! SPIKE's protocol: one generic call, and what its failures mean.

use http::{Method, StatusCode};
use spike_core::wire::{
    self, ErrorCode,
    v1::{Fallback, Request, Response},
};

use crate::{
    error::{ClientError, said},
    transport::{Answer, Call, JSON, Transport},
};

/// Calls a route of SPIKE's protocol.
pub(crate) async fn call<R: Request>(
    transport: &Transport,
    request: &R,
) -> Result<R::Response, ClientError> {
    let call = Call {
        method: Method::POST,
        target: target::<R>(),
        content_type: JSON,
        body: wire::encode(request),
    };
    let answer = transport.exchange(call).await?;
    if !answer.status.is_success() {
        return Err(failure(transport, &answer));
    }
    let response: R::Response = wire::decode(&answer.body)
        .map_err(|bad| transport.protocol(format!("{} answered {bad}", R::PATH)))?;
    match response.error() {
        Some(code) => Err(by_code(code)),
        None => Ok(response),
    }
}

fn target<R: Request>() -> String {
    if R::ACTION.is_empty() { R::PATH.into() } else { format!("{}?action={}", R::PATH, R::ACTION) }
}

/// What a status other than 200 means. Every body has an `err`, whatever the route.
pub(crate) fn failure(transport: &Transport, answer: &Answer) -> ClientError {
    let code = wire::decode::<Fallback>(&answer.body).ok().and_then(|body| body.err);
    match (answer.status, code) {
        (StatusCode::UNAUTHORIZED, _) => ClientError::Denied,
        (StatusCode::NOT_FOUND, Some(_)) => ClientError::NotFound,
        (StatusCode::SERVICE_UNAVAILABLE, code) => {
            ClientError::NotReady { reason: code.map_or_else(String::new, |code| shown(&code)) }
        }
        (_, Some(code)) => by_code(&code),
        (status, None) => transport.protocol(format!("status {status}, and no reason")),
    }
}

/// What a code means. SPIKE sends some with status 200.
pub(crate) fn by_code(code: &ErrorCode) -> ClientError {
    match code {
        ErrorCode::Unauthorized => ClientError::Denied,
        ErrorCode::NotFound | ErrorCode::EntityNotFound | ErrorCode::VersionNotFound => {
            ClientError::NotFound
        }
        ErrorCode::NotReady | ErrorCode::RootKeyMissing => {
            ClientError::NotReady { reason: shown(code) }
        }
        ErrorCode::AlreadyInitialized | ErrorCode::EntityExists => {
            ClientError::Conflict { code: shown(code), detail: String::new() }
        }
        _ => ClientError::BadRequest { code: shown(code), detail: String::new() },
    }
}

fn shown(code: &ErrorCode) -> String {
    said(code.as_str())
}

#[cfg(test)]
mod tests {
    use spike_core::wire::v1::{SecretGetRequest, SecretPutRequest};

    use super::*;

    #[test]
    fn a_route_without_an_action_has_no_query() {
        assert_eq!(target::<SecretPutRequest>(), "/v1/store/secrets");
        assert_eq!(target::<SecretGetRequest>(), "/v1/store/secrets?action=get");
    }

    #[test]
    fn codes_are_sorted_by_whose_fault_it_was() {
        assert!(matches!(by_code(&ErrorCode::Unauthorized), ClientError::Denied));
        assert!(matches!(by_code(&ErrorCode::VersionNotFound), ClientError::NotFound));
        assert!(matches!(by_code(&ErrorCode::RootKeyMissing), ClientError::NotReady { .. }));
        assert!(matches!(by_code(&ErrorCode::AlreadyInitialized), ClientError::Conflict { .. }));
        assert!(matches!(by_code(&ErrorCode::InvalidInput), ClientError::BadRequest { .. }));
    }
}
