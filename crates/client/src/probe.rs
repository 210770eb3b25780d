//! Facts of this machine, and what of a release's demands they do not meet (decision 29).

use skillsync_wire::release::Requires;

/// Facts of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// `linux`, `macos`.
    pub os: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
}

impl Host {
    /// This machine.
    pub fn this() -> Self {
        Self { os: std::env::consts::OS.to_owned(), arch: std::env::consts::ARCH.to_owned() }
    }

    /// Every demand that is not met, in words. The memory of a graphics card is not looked at: a demand for it is the
    /// user's to judge.
    pub fn unmet(&self, requires: &Requires) -> Vec<String> {
        let mut unmet = Vec::new();
        let lists = [("system", &requires.os, &self.os), ("processor", &requires.arch, &self.arch)];
        for (what, wanted, here) in lists {
            let names: Vec<&str> = wanted.iter().map(|line| line.as_str()).collect();
            if !names.is_empty() && !names.iter().any(|name| is_same(name, here)) {
                unmet.push(format!("it needs the {what} {}; this is {here}", names.join(" or ")));
            }
        }
        unmet
    }
}

/// Whether two names mean one thing: people write `amd64` and `arm64`, too.
fn is_same(name: &str, here: &str) -> bool {
    let known = |name: &str| match name.to_ascii_lowercase().as_str() {
        "amd64" | "x64" => "x86_64".to_owned(),
        "arm64" => "aarch64".to_owned(),
        "darwin" | "osx" => "macos".to_owned(),
        other => other.to_owned(),
    };
    known(name) == known(here)
}

#[cfg(test)]
mod tests {
    use skillsync_wire::text::Line;

    use super::*;

    #[test]
    fn every_demand_that_is_not_met_is_named() {
        let host = Host { os: "linux".to_owned(), arch: "aarch64".to_owned() };
        let lines = |names: &[&str]| names.iter().map(|name| Line::parse(name).unwrap()).collect();
        let unmet = |os: &[&str], arch: &[&str]| {
            host.unmet(&Requires { os: lines(os), arch: lines(arch), min_vram_mb: 24_000 })
        };
        assert_eq!(unmet(&[], &[]), [""; 0]);
        assert_eq!(unmet(&["macos", "linux"], &["arm64"]), [""; 0]);
        let both = unmet(&["macos", "windows"], &["x86_64"]);
        assert_eq!(
            both,
            [
                "it needs the system macos or windows; this is linux",
                "it needs the processor x86_64; this is aarch64"
            ]
        );
    }
}
