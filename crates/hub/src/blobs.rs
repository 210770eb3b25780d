//! Archives and signed documents as bytes under names that never mean anything else: in a folder, in a bucket, or in
//! memory. Who may have one is not asked here.
//!
//! A blob is stored durably before anything names it, and what names it goes before it does.

mod backend;
mod error;
mod folder;
mod key;

pub use backend::{BlobInfo, BlobStream, Blobs, Bucket, Place, Put};
pub use error::Error;
pub use key::BlobKey;
