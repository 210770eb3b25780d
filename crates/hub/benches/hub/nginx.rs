//! The peer: nginx serving one static file of the same size, with the settings it has for that.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load;

/// A running nginx, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Serves one file of `size` bytes, `manifest.json`, from `folder`, where nginx's own files are put, too. None where
    /// there is no nginx.
    pub(crate) fn start(folder: &Path, size: usize) -> Option<Nginx> {
        std::fs::create_dir_all(folder.join("files")).ok()?;
        std::fs::write(folder.join("files/manifest.json"), vec![b'x'; size]).ok()?;
        open(folder);
        let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let root = folder.display();
        let settings = format!(
            "worker_processes auto;\nerror_log {root}/error.log;\npid {root}/nginx.pid;\ndaemon off;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000;\n\
             client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;\n\
             uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi; open_file_cache max=100;\n\
             server {{ listen {address} backlog=4096; root {root}/files; }} }}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, settings).ok()?;
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(folder).arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = nginx.spawn().ok()?;
        let started = Nginx { child, address };
        let until = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > until {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(started)
    }
}

impl Nginx {
    /// The `ETag` that it gives a file.
    pub(crate) async fn etag(&self, path: &str) -> String {
        load::field(&load::head(self.address, path, "").await, "etag")
    }
}

/// Lets nginx's workers, which are another user when it is started by root, into the folder.
fn open(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755));
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The workers end with their master when it is asked to; a kill would leave them.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}
