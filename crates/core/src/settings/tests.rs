//! Settings as people have them, with the hook in and out again.

use super::*;

fn hook() -> SessionHook {
    SessionHook { command: "skillsync hook session-start".to_owned(), timeout_s: 10 }
}

/// The settings with every trace of our hook taken out, as values.
fn without_ours(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    let Some(hooks) = value.get_mut("hooks").and_then(Value::as_object_mut) else { return value };
    if let Some(groups) = hooks.get_mut("SessionStart").and_then(Value::as_array_mut) {
        for group in groups.iter_mut() {
            if let Some(list) = group.get_mut("hooks").and_then(Value::as_array_mut) {
                list.retain(|hook| !hook["command"].as_str().is_some_and(is_ours));
            }
        }
        groups.retain(|group| group["hooks"].as_array().is_none_or(|list| !list.is_empty()));
        if groups.is_empty() {
            hooks.remove("SessionStart");
        }
    }
    if hooks.is_empty() {
        value.as_object_mut().unwrap().remove("hooks");
    }
    value
}

#[test]
fn a_hook_is_put_in_once_and_taken_out_again_without_a_trace() {
    let other = r#"{"type": "command", "command": "echo hi"}"#;
    let cases = [
        "{}\n".to_owned(),
        "{\n  \"model\": \"opus\"\n}\n".to_owned(),
        "{\n\t\"model\": \"opus\",\n\n\t\"env\": {\"A\": \"1\"}\n}".to_owned(),
        "{\r\n    \"z\": 1,\r\n    \"a\": [1, 2]\r\n}\r\n".to_owned(),
        r#"{"model":"opus","permissions":{"allow":["Bash(ls:*)"]}}"#.to_owned(),
        format!("{{\n  \"hooks\": {{\n    \"Stop\": [{{\"hooks\": [{other}]}}]\n  }},\n  \"b\": 2\n}}\n"),
        format!(
            "{{\n  \"hooks\": {{\n    \"SessionStart\": [\n      {{\"hooks\": [{other}]}}\n    ]\n  }}\n}}\n"
        ),
        format!("{{\"hooks\":{{\"SessionStart\":[{{\"matcher\":\"\",\"hooks\":[{other}]}}]}}}}"),
        "{\"a\": \"\\\"{[,]}\\\\\", \"é\\u00e9\": null, \"n\": -1.5e+3, \"t\": true}".to_owned(),
    ];
    for text in cases {
        let with = with_hook(&text, &hook()).unwrap();
        assert_eq!(hooks_of_ours(&with).unwrap(), [hook().command], "{text}\n{with}");
        assert_eq!(without_ours(&with), without_ours(&text), "{text}\n{with}");
        assert_eq!(with_hook(&with, &hook()).unwrap(), with, "twice is once");
        assert_eq!(without_hook(&with).unwrap(), text, "{with}");
        // What was there stands there, byte for byte, in its order.
        let mut rest = with.as_str();
        for line in text.lines().map(|line| line.trim_end_matches([',', '}', ']', ' '])) {
            let at = rest.find(line).unwrap_or_else(|| panic!("`{line}` is gone:\n{with}"));
            rest = &rest[at + line.len()..];
        }
    }
}

#[test]
fn the_hook_looks_like_the_rest_of_the_file() {
    let text = with_hook("{\n  \"model\": \"opus\"\n}\n", &hook()).unwrap();
    let expected = r#"{
  "model": "opus",
  "hooks": {
    "SessionStart": [
      {
        "matcher": "startup|resume|clear",
        "hooks": [
          {
            "type": "command",
            "command": "skillsync hook session-start",
            "timeout": 10
          }
        ]
      }
    ]
  }
}
"#;
    assert_eq!(text, expected);
    assert_eq!(with_hook("", &hook()).unwrap(), expected.replace("  \"model\": \"opus\",\n", ""));
    assert_eq!(
        with_hook("{\"a\":1}", &hook()).unwrap(),
        "{\"a\":1, \"hooks\": {\"SessionStart\": [{\"matcher\": \"startup|resume|clear\", \"hooks\": \
         [{\"type\": \"command\", \"command\": \"skillsync hook session-start\", \"timeout\": 10}]}]}}"
    );
}

#[test]
fn a_hook_that_moved_is_brought_up_to_date() {
    let old = with_hook(
        "{}",
        &SessionHook { command: "'/old place/skillsync' hook session-start".to_owned(), timeout_s: 5 },
    );
    let new = with_hook(&old.unwrap(), &hook()).unwrap();
    assert_eq!(hooks_of_ours(&new).unwrap(), [hook().command]);
    assert!(new.contains("\"timeout\": 5"), "what else somebody set stays: {new}");
    // Two of them, and one of somebody's beside.
    let two = r#"{"hooks":{"SessionStart":[{"hooks":[{"command":"a/skillsync hook session-start"},{"command":"mine"}]},
        {"hooks":[{"command":"skillsync hook session-start --budget 1s"}]}]}}"#;
    let without = without_hook(two).unwrap();
    assert_eq!(hooks_of_ours(&without).unwrap(), Vec::<String>::new());
    assert!(without.contains("mine"), "{without}");
}

#[test]
fn what_cannot_be_understood_is_refused() {
    for (text, code) in [
        ("{", "settings-not-json"),
        ("{\"a\": 1,}", "settings-not-json"),
        ("// comment\n{}", "settings-not-json"),
        ("\u{feff}{}", "settings-not-json"),
        ("[]", "settings-malformed"),
        ("7", "settings-malformed"),
        ("{\"hooks\": []}", "settings-malformed"),
        ("{\"hooks\": {\"SessionStart\": {}}}", "settings-malformed"),
        ("{\"hooks\": {\"SessionStart\": [7]}}", "settings-malformed"),
        ("{\"hooks\": {\"SessionStart\": [{\"hooks\": {}}]}}", "settings-malformed"),
        ("{\"hooks\": {}, \"hooks\": {}}", "settings-malformed"),
    ] {
        assert_eq!(with_hook(text, &hook()).unwrap_err().code(), code, "{text}");
        assert_eq!(without_hook(text).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn our_command_is_known_wherever_it_lies() {
    for (command, expected) in [
        ("skillsync hook session-start", true),
        ("/usr/bin/skillsync hook session-start --budget 1s", true),
        ("\"C:\\\\a b\\\\skillsync.exe\" hook session-start", true),
        ("'/a b/skillsync' hook session-start", true),
        ("command -v skillsync >/dev/null && skillsync hook session-start || true", true),
        ("skillsync sync", false),
        ("myskillsync hook session-start", false),
        ("echo hook session-start", false),
        ("", false),
    ] {
        assert_eq!(is_ours(command), expected, "{command}");
    }
}
