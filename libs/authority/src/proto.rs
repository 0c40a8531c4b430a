//! The Workload API's messages and service, generated from `proto/workload.proto`.
#![expect(
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    unreachable_pub,
    reason = "generated code"
)]

include!("../proto/generated.rs");

/// The private key is gone from memory when the message is.
impl Drop for X509svid {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.x509_svid_key);
    }
}
