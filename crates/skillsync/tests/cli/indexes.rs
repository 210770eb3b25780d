//! Open indexes: `export --site`, read back over real web servers.

mod following;
mod importing;
mod moving_over;
mod interop;
mod npm;
mod publishing;
mod server;
mod strangers;
