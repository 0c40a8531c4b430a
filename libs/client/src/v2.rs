//! The native protocol: JSON, and problems by RFC 9457.

use http::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use spike_core::wire::{
    Buffer,
    v2::{Problem, ProblemCode},
};

use crate::{
    error::{ClientError, said},
    transport::{Answer, Call, JSON, Transport},
};

/// Reads a resource.
pub(crate) async fn get<A: DeserializeOwned>(
    transport: &Transport,
    target: &'static str,
) -> Result<A, ClientError> {
    let body = Buffer::default();
    answer(transport, &send(transport, Method::GET, target, body).await?)
}

/// Asks for something and takes the answer.
pub(crate) async fn post<A: DeserializeOwned>(
    transport: &Transport,
    target: &'static str,
    request: &impl Serialize,
) -> Result<A, ClientError> {
    answer(transport, &send(transport, Method::POST, target, json(request)).await?)
}

/// Asks for something whose answer says nothing but that it was done.
pub(crate) async fn tell(
    transport: &Transport,
    target: &'static str,
    request: &impl Serialize,
) -> Result<(), ClientError> {
    send(transport, Method::POST, target, json(request)).await.map(drop)
}

fn json(request: &impl Serialize) -> Buffer {
    let mut body = Buffer::default();
    serde_json::to_writer(&mut body, request).expect("our own types are JSON");
    body
}

async fn send(
    transport: &Transport,
    method: Method,
    target: &'static str,
    body: Buffer,
) -> Result<Answer, ClientError> {
    let call = Call { method, target: target.into(), content_type: JSON, body: body.into_bytes() };
    let answer = transport.exchange(call).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(failure(transport, &answer)) }
}

fn answer<A: DeserializeOwned>(transport: &Transport, answer: &Answer) -> Result<A, ClientError> {
    serde_json::from_slice(&answer.body).map_err(|bad| {
        // serde_json quotes what it found, which may be a secret: tell only where it was.
        transport.protocol(format!("no JSON as expected at byte column {}", bad.column()))
    })
}

/// What a status other than success means.
fn failure(transport: &Transport, answer: &Answer) -> ClientError {
    let problem = serde_json::from_slice::<Problem>(&answer.body).ok();
    let known = problem.as_ref().and_then(Problem::known);
    let (code, detail) = problem
        .map_or_else(Default::default, |problem| (said(&problem.code), said(&problem.detail)));
    if let Some(ProblemCode::NoSuchRoute | ProblemCode::WrongMethod) = known {
        return transport.protocol("it doesn't know this call");
    }
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ClientError::Denied,
        StatusCode::NOT_FOUND if !code.is_empty() => ClientError::NotFound,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
            ClientError::Conflict { code, detail }
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            ClientError::NotReady { reason: if detail.is_empty() { code } else { detail } }
        }
        status if status.is_client_error() && !code.is_empty() => {
            ClientError::BadRequest { code, detail }
        }
        status => transport.protocol(format!("status {status} {code} {detail}").trim_end()),
    }
}
