//! Properties of the readers of `config.toml` and of a store's own records: whatever the bytes, an answer or an error
//! that names the file, and an edit changes what it names and nothing else.

use std::path::Path;

use proptest::prelude::*;
use skillsync_core::fault::Fault;
use skillsync_core::name::TargetId;
use skillsync_store::config::{Config, INITIAL, KEYS, Target, TargetSource};
use skillsync_store::tools::{Mode, Tools};

/// TOML-looking lines, so that more than the parser's first error is reached.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("[skillsync]".to_owned()),
        Just("version = \"1\"".to_owned()),
        Just("[observation]".to_owned()),
        Just("[[targets]]".to_owned()),
        "(mode|threshold|min_invocations|id|path|source|tool|without) = (\"[a-z~/-]{0,12}\"|-?[0-9.]{1,5}|\\[\\]|true)",
        "# [ -~]{0,20}",
        "[ -~]{0,30}",
    ];
    prop::collection::vec(line, 0..14).prop_map(|lines| lines.join("\n"))
}

fn parse(text: &str) -> Option<Config> {
    match Config::parse(text, Path::new("config.toml")) {
        Ok(config) => Some(config),
        Err(error) => {
            assert!(error.code().starts_with("config-") || error.code() == "store-newer", "{error:?}");
            assert!(!error.to_string().contains('\u{1b}'));
            None
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_a_config_or_an_error(text in prop_oneof![lines(), ".{0,200}"]) {
        if let Some(config) = parse(&text) {
            // A last line without its end gets one; nothing else changes by reading.
            let after = config.text();
            prop_assert_eq!(after.trim_end_matches('\n'), text.trim_end_matches('\n'));
            for key in KEYS {
                config.get(key).unwrap();
            }
        }
        let _ = Tools::with_user(&text, Path::new("tools.toml"));
    }

    #[test]
    fn a_setting_that_was_set_is_got_and_all_else_stays(
        head in "(# [ -~]{0,30}\n){0,3}",
        threshold in 0.0_f64..=1.0,
        least in 1_u64..1_000_000,
    ) {
        let text = format!("{head}{INITIAL}\n[other]\nkept = true # so\n");
        let mut config = parse(&text).unwrap();
        config.set("observation.threshold", &threshold.to_string()).unwrap();
        config.set("observation.min_invocations", &least.to_string()).unwrap();
        prop_assert_eq!(config.observation().threshold, threshold);
        prop_assert_eq!(config.observation().min_invocations, least);
        let after = config.text();
        for line in text.lines().filter(|l| !l.starts_with("threshold") && !l.starts_with("min_invocations")) {
            prop_assert!(after.contains(line), "{line} is gone from\n{after}");
        }
    }

    #[test]
    fn a_target_that_was_added_can_be_removed_without_a_trace(
        id in "[a-z][a-z0-9]{0,10}",
        path in "/[ -~&&[^\\\\]]{0,30}",
        copy in any::<bool>(),
    ) {
        let mut config = parse(INITIAL).unwrap();
        let target = Target {
            id: TargetId::parse(&id).unwrap(),
            path,
            source: TargetSource::Path,
            tool: None,
            mode: if copy { Mode::Copy } else { Mode::Symlink },
        };
        config.add_target(&target).unwrap();
        prop_assert_eq!(config.target(&target.id), Some(&target));
        prop_assert!(config.remove_target(&target.id).unwrap());
        prop_assert_eq!(config.text(), INITIAL);
    }
}
