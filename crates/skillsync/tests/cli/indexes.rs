//! Open indexes: `export --site`, read back over real web servers.

mod cut_off;
mod following;
mod importing;
mod moving_over;
mod interop;
mod npm;
mod publishing;
mod server;
mod strangers;
