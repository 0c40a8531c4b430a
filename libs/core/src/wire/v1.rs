//! SPIKE's protocol: what each of its routes takes and gives.
//!
//! One type per direction, used by server and client alike. `None` is Go's `nil`: `null` on the
//! wire, unlike an empty list or map.
//!
//! # Source
//!
//! `api/entity/v1/reqres` of `spike-sdk-go` v0.19.9, and recorded exchanges.

mod cipher;
mod keeper;
mod operator;
mod policy;
mod secret;

pub use cipher::{
    BootstrapVerifyRequest, BootstrapVerifyResponse, CipherDecryptRequest, CipherDecryptResponse,
    CipherEncryptRequest, CipherEncryptResponse,
};
pub use keeper::{ShardGetRequest, ShardGetResponse, ShardPutRequest, ShardPutResponse};
pub use operator::{RecoverRequest, RecoverResponse, RestoreRequest, RestoreResponse};
pub use policy::{
    PolicyDeleteRequest, PolicyDeleteResponse, PolicyGetRequest, PolicyGetResponse, PolicyItem,
    PolicyListRequest, PolicyListResponse, PolicyPutRequest, PolicyPutResponse,
};
pub use secret::{
    Metadata, SecretDeleteRequest, SecretDeleteResponse, SecretGetRequest, SecretGetResponse,
    SecretListRequest, SecretListResponse, SecretMetadataRequest, SecretMetadataResponse,
    SecretPutRequest, SecretPutResponse, SecretUndeleteRequest, SecretUndeleteResponse,
    VersionInfo,
};

use super::{Decode, Encode, ErrorCode, decode::message};

/// A request of a route.
pub trait Request: Decode + Encode {
    /// What the route answers with, on success and on failure.
    type Response: Response;

    /// The route's path.
    const PATH: &'static str;

    /// The route's `?action=`; empty if it has none.
    const ACTION: &'static str;
}

/// The answer of a route.
pub trait Response: Decode + Encode {
    /// The zero struct with an error: what every failure answers with.
    fn failed(code: ErrorCode) -> Self;

    /// The error, if it is one.
    fn error(&self) -> Option<&ErrorCode>;
}

macro_rules! route {
    ($request:ident -> $response:ident at $path:literal $(, action $action:literal)?) => {
        impl $crate::wire::v1::Request for $request {
            type Response = $response;
            const PATH: &'static str = $path;
            const ACTION: &'static str = concat!("", $($action)?);
        }

        $crate::wire::v1::response!($response);
    };
}
use route;

macro_rules! response {
    ($response:ident) => {
        impl $crate::wire::v1::Response for $response {
            #[allow(clippy::needless_update, reason = "some answers have no other field")]
            fn failed(code: $crate::wire::ErrorCode) -> Self {
                Self { err: Some(code), ..Self::default() }
            }

            fn error(&self) -> Option<&$crate::wire::ErrorCode> {
                self.err.as_ref()
            }
        }
    };
}
use response;

message! {
    /// The answer where no route is: `{"err":…}`.
    Fallback {
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
response!(Fallback);

/// Go's `omitempty` on an integer.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}
