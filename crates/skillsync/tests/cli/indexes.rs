//! Open indexes: `export --site`, read back over real web servers.

mod following;
mod publishing;
mod server;
