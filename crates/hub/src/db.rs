//! What the hub knows, in SQLite or PostgreSQL: one method for one use case, one transaction for one method, one text of
//! each query for both engines. What differs between them is in `engine` (connections) and `search`.
//!
//! Every time comes in as a value and is kept in milliseconds. What a method gives is the state of one moment.

mod account;
mod access;
mod catalogue;
mod document;
mod engine;
mod error;
mod install;
mod key;
mod listing;
mod manifest;
mod offer;
mod publish;
mod record;
mod rotation;
mod search;
mod sharing;
mod state;
mod yank;

pub use access::BlobOwner;
pub use account::AccountRow;
pub use catalogue::{FileList, Pulse, ReleaseRow, SkillRow};
pub use document::{AdvisoriesHead, AdvisoriesRow, Restrictions, Revoked};
pub use engine::{Db, Role};
pub use error::Error;
pub use key::{Caller, KeyRow, RequestContext};
pub use listing::{Listed, Listing, Loss, Lost, Viewer};
pub use manifest::{ManifestHead, ManifestRow, Stamp};
pub use offer::{OfferRow, Offers};
pub use publish::{NewRelease, Published};
pub use record::{By, Page};
pub use rotation::{NextRoot, NextStatement, StatementRow};
pub use search::{Found, Hit};
pub use sharing::NewSharing;
pub use state::StateRow;
pub use yank::{YankOrder, Yanked};
