//! Reads any text as `config.toml` and as a user's `tools.toml`; what was read is edited and read again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use skillsync_core::name::TargetId;
use skillsync_store::config::{Config, KEYS, Target, TargetSource};
use skillsync_store::tools::{Mode, Tools};

fuzz_target!(|text: &str| {
    let _ = Tools::with_user(text, Path::new("tools.toml"));
    let Ok(mut config) = Config::parse(text, Path::new("config.toml")) else { return };
    // A last line without its end gets one; nothing else changes by reading.
    assert_eq!(config.text().trim_end_matches('\n'), text.trim_end_matches('\n'));
    for key in KEYS {
        assert!(config.get(key).is_ok());
    }
    let target = Target {
        id: TargetId::parse("fuzzed").expect("it follows the rule"),
        path: "~/fuzzed".to_owned(),
        source: TargetSource::Path,
        tool: None,
        mode: Mode::Copy,
    };
    let known = config.targets().len();
    // An inline list of targets cannot be added to; everything else can, once.
    if config.add_target(&target).is_ok() {
        assert_eq!(config.targets().len(), known + 1);
        assert!(config.remove_target(&target.id).expect("it was read before"));
        assert_eq!(config.targets().len(), known);
    }
    if config.set("observation.mode", "remind").is_ok() {
        assert_eq!(config.get("observation.mode").ok().as_deref(), Some("remind"));
    }
});
