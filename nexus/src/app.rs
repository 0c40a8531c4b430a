//! What Nexus does for a caller, whatever protocol it speaks.

mod watermark;

pub use watermark::Watermark;
