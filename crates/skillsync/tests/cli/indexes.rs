//! Open indexes: `export --site`, read back over real web servers.

mod publishing;
mod server;
