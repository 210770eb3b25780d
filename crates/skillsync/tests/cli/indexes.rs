//! Open indexes: `export --site`, read back over real web servers.

mod following;
mod interop;
mod publishing;
mod server;
