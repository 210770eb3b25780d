//! Copies of the store's artifacts in projects: deployed, checked, pulled back, by the real program on real folders
//! and real repositories.

mod changes;
mod checking;
mod conflicts;
mod deploying;
mod deployment_file;
mod histories;
mod lasting;
mod places;
mod plans;
mod pulling;
mod rollbacks;
mod scenarios;
mod site;
mod skillmeat;
mod table;
mod taken;
mod teammates;
mod transitions;
mod undeploying;
mod unrecorded;
