//! `operator authority`: proves identities in a cluster that has no SPIRE.
//!
//! A pod brings a `ServiceAccount` token that is good for this authority only; the Kubernetes API says
//! whose it is; [`map`] says which SPIFFE ID that is, and the authority signs it. Its roots are in a
//! Secret that only it reads, and are replaced as [`rotation`] says. Losing them loses no secret.
//!
//! Several replicas run side by side: every change of the roots is one compare-and-swap.

mod answer;
mod config;
mod custody;
mod map;
mod review;
mod rotation;
mod run;

pub use answer::{Authority, router};
pub use config::Config;
pub use custody::{Custody, Kept, KeptError};
pub use map::{Account, Grant, Mapping, Refused};
pub use review::{Review, ReviewError, TokenReviews};
pub use rotation::{Root, Roots, Times};
pub use run::{run, serve};
