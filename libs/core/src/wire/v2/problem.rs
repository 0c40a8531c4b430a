//! What went wrong: a problem of RFC 9457, under a code that programs act on.

use serde::{Deserialize, Serialize};

/// The media type of a [`Problem`].
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, as RFC 9457 wants it told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that names the kind of problem.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The kind for programs. A text, because a newer peer may send a code that we don't know.
    pub code: String,
}

impl Problem {
    /// A problem of ours. With `about:blank` RFC 9457 wants the status' own words as title.
    pub fn new(code: ProblemCode, title: &str, detail: &str) -> Self {
        Self {
            kind: about_blank(),
            title: title.to_owned(),
            status: code.status(),
            detail: detail.to_owned(),
            code: code.as_str().to_owned(),
        }
    }

    /// Its code, if it is one of ours.
    pub fn known(&self) -> Option<ProblemCode> {
        ProblemCode::ALL.iter().copied().find(|code| code.as_str() == self.code)
    }
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $text:literal,)*) => {
        /// Why a request of our own protocol failed: `area/what`. A code is never renamed, and it
        /// always comes with the same HTTP status. `docs/api.md` lists them for clients.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)*
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is sent.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The HTTP status that it comes with.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }
        }
    };
}

codes! {
    /// It can't be understood or asks for something impossible.
    Invalid = 400 "request/invalid",
    /// The body broke off.
    BodyBroken = 400 "request/body_broken",
    /// The body is over the limit.
    BodyTooLarge = 413 "request/body_too_large",
    /// The body didn't come in time.
    BodyTooSlow = 408 "request/body_too_slow",
    /// There is no such path.
    NoSuchRoute = 404 "request/no_such_route",
    /// The path has other methods.
    WrongMethod = 405 "request/wrong_method",
    /// The caller asks too often.
    RateLimited = 429 "request/rate_limited",

    /// The caller has no certificate.
    Unauthenticated = 401 "access/unauthenticated",
    /// The caller's SVID expired, or the roots that vouched for it are gone.
    IdentityExpired = 401 "access/identity_expired",
    /// The caller may not do this.
    Denied = 403 "access/denied",

    /// There are no keys, or something else that time or an operator mends; the detail says what.
    NotReady = 503 "state/not_ready",
    /// There is a root key already.
    AlreadyInitialized = 409 "state/already_initialized",

    /// The re-share before this one has not settled yet.
    KeysUnsettled = 409 "keys/unsettled",
    /// Another split is in force than the caller knew of.
    KeysChanged = 409 "keys/changed",

    /// Nothing of that name is there.
    NotFound = 404 "store/not_found",
    /// Others were faster so many times that it was given up.
    Contended = 503 "store/contended",
    /// The store can't be used now.
    StoreUnavailable = 503 "store/unavailable",
    /// The store broke off: the change may have happened or not.
    StoreAmbiguous = 503 "store/ambiguous",
    /// What is stored can't be read.
    StoreCorrupt = 500 "store/corrupt",
    /// What is stored is not what was written there.
    StoreForged = 500 "store/forged",
    /// The audit log takes no lines, so nothing is done.
    AuditUnavailable = 503 "audit/unavailable",

    /// The server has as many requests as it takes.
    Overloaded = 503 "server/overloaded",
    /// The server didn't finish in time.
    TimedOut = 503 "server/timed_out",
    /// The server failed; its log says why.
    Failed = 500 "server/failed",

    /// No set has such numbers.
    ShardBadFrame = 400 "shard/bad_frame",
    /// A shard has 32 bytes.
    ShardBadLength = 400 "shard/bad_length",
    /// There is no shard in the request.
    ShardMissing = 400 "shard/missing",
    /// The bytes aren't what the digest says.
    ShardDigestMismatch = 400 "shard/digest_mismatch",
    /// It is another Keeper's shard.
    ShardWrongIndex = 400 "shard/wrong_index",
    /// It belongs to another instance.
    ShardOtherInstance = 400 "shard/other_instance",
    /// No store can have the counters that the sender has seen.
    ShardBadWitness = 400 "shard/bad_witness",
    /// The Keeper holds no shard of that set.
    ShardNotHeld = 404 "shard/not_held",
    /// The Keeper holds shards of another cluster.
    ShardOtherCluster = 409 "shard/other_cluster",
    /// The Keeper holds another shard of that set.
    ShardOtherBytes = 409 "shard/other_bytes",
    /// That set has another epoch or attempt.
    ShardOtherFrame = 409 "shard/other_frame",
    /// A set of this or a later epoch is committed.
    ShardStaleEpoch = 409 "shard/stale_epoch",
    /// Another set of this or a later attempt is pending.
    ShardLowerAttempt = 409 "shard/lower_attempt",
    /// The current set can only be replaced.
    ShardCurrentSet = 409 "shard/current_set",
    /// The Keeper holds framed sets: SPIKE's own protocol is over.
    ShardFramed = 409 "shard/framed",
}
