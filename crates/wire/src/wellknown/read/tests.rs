//! Tables of indexes as sites write them, and as they should not.

use super::*;

const HASH: &str = "sha256:f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b";

fn read(text: &str) -> Index {
    Index::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn p1_an_index_of_files_is_read_with_and_without_hashes() {
    let index = read(&format!(
        r#"{{"skills":[
            {{"name":"b","description":"B.","files":["SKILL.md","scripts/run.sh"],"hash":"{HASH}","url":"https://x/"}},
            {{"name":"a","description":"A.","files":["SKILL.md"]}}
        ],"note":"more"}}"#
    ));
    assert_eq!((index.version, index.bad.len()), (Version::V01, 0));
    let names: Vec<_> = index.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a", "b"], "sorted");
    assert_eq!(index.entries[0].published(), None);
    assert_eq!(index.entries[1].published().as_deref(), Some(HASH));
    assert_eq!(index.entries[1].extra["url"], "https://x/", "what is not known is kept");
    assert!(index.entry(&SkillName::parse("b").unwrap()).is_some());
}

#[test]
fn an_index_of_artifacts_is_read() {
    let index = read(&format!(
        r#"{{"$schema":"{SCHEMA}","skills":[
            {{"name":"a","type":"skill-md","description":"A.","url":"a/SKILL.md","digest":"{HASH}","files":["x"]}},
            {{"name":"b","type":"archive","description":"B.","url":"https://cdn.example/b.zip","digest":"{HASH}"}},
            {{"name":"c","type":"wasm","description":"C.","url":"c","digest":"{HASH}"}}
        ]}}"#
    ));
    assert_eq!((index.version, index.entries.len()), (Version::V02, 2));
    let Content::Artifact { kind: ArtifactType::Archive, url, .. } = &index.entries[1].content else {
        panic!("{index:?}")
    };
    assert_eq!(url, "https://cdn.example/b.zip");
    assert_eq!(index.entries[0].extra.len(), 1);
    assert_eq!(index.bad.len(), 1, "another type is passed over");
}

#[test]
fn a_draft_of_v02_with_a_digest_for_each_file_is_read() {
    let index = read(&format!(
        r#"{{"version":"0.2.0","skills":[{{"name":"a","description":"A.","digest":"{HASH}",
            "files":[{{"path":"SKILL.md","digest":"{HASH}"}}]}}]}}"#
    ));
    let Content::Files { files, hash: None, .. } = &index.entries[0].content else { panic!("{index:?}") };
    assert!(files[0].digest.is_some());
    assert_eq!(index.entries[0].published().as_deref(), Some(HASH));
    // A digest of the whole that no file is proven by names nothing.
    let index = read(&format!(
        r#"{{"skills":[{{"name":"a","description":"A.","digest":"{HASH}","files":["SKILL.md"]}}]}}"#
    ));
    assert_eq!(index.entries[0].published(), None);
}

#[test]
fn what_is_no_index_is_refused() {
    use skillsync_core::fault::Fault as _;
    let other = SCHEMA.replace("0.2.0", "9.0.0");
    let many = format!(r#"{{"skills":[{}]}}"#, vec!["1"; limits::INDEX_SKILLS + 1].join(","));
    for (text, code) in [
        ("", "index-not-json"),
        ("<html>", "index-not-json"),
        (r#"{"skills":[{"name":"a""#, "index-not-json"),
        ("[]", "index-malformed"),
        ("{}", "index-malformed"),
        (r#"{"skills":{}}"#, "index-malformed"),
        (&format!(r#"{{"$schema":"{other}","skills":[]}}"#), "index-schema-unknown"),
        (r#"{"$schema":7,"skills":[]}"#, "index-schema-unknown"),
        (&many, "index-too-large"),
        (&" ".repeat(limits::INDEX_BYTES + 1), "index-too-large"),
    ] {
        let error = Index::parse(text.as_bytes()).expect_err(&text[..text.len().min(60)]);
        assert_eq!(error.code(), code);
    }
    assert_eq!(read(r#"{"skills":[]}"#).entries.len(), 0, "an empty index is one");
    assert_eq!(read("\u{feff}{\"skills\":[]}").entries.len(), 0);
    let most: Vec<_> = (0..limits::INDEX_SKILLS)
        .map(|n| format!(r#"{{"name":"s{n}","description":"S.","files":["SKILL.md"],"hash":"{HASH}"}}"#))
        .collect();
    assert_eq!(read(&format!(r#"{{"skills":[{}]}}"#, most.join(","))).entries.len(), limits::INDEX_SKILLS);
}

#[test]
fn one_bad_entry_does_not_spoil_the_others() {
    let good = r#"{"name":"good","description":"G.","files":["SKILL.md"]}"#;
    let long = vec!["\"x\""; SKILL_FILES + 1].join(",");
    for (bad, says) in [
        ("7", "no object"),
        ("{}", "no `name`"),
        (r#"{"name":"../x","description":"","files":["SKILL.md"]}"#, "skill name"),
        (r#"{"name":"A b","description":"","files":["SKILL.md"]}"#, "skill name"),
        (r#"{"name":["a"],"description":"","files":["SKILL.md"]}"#, "`name` is no text"),
        (r#"{"name":"a","files":["SKILL.md"]}"#, "no `description`"),
        (r#"{"name":"a","description":"A."}"#, "no list `files`"),
        (r#"{"name":"a","description":"A.","files":[]}"#, "no SKILL.md"),
        (r#"{"name":"a","description":"A.","files":["skill.md"]}"#, "no SKILL.md"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md",7]}"#, "neither"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md","../../x"]}"#, "component"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md","/etc/passwd"]}"#, "absolute"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md","a\\..\\b"]}"#, "backslash"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md",".git/config"]}"#, "reserved"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md",".meta.toml"]}"#, "reserved"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md","x","X"]}"#, "twice"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md"],"hash":"md5:1"}"#, "`hash`"),
        (r#"{"name":"a","description":"A.","files":["SKILL.md"],"hash":7}"#, "`hash`"),
        (r#"{"name":"good","description":"again","files":["SKILL.md"]}"#, "there before"),
        (&format!(r#"{{"name":"a","description":"A.","files":[{long}]}}"#), "2001 files"),
    ] {
        let index = read(&format!(r#"{{"skills":[{good},{bad}]}}"#));
        assert_eq!(index.entries.len(), 1, "{bad}");
        assert_eq!((index.bad.len(), index.bad[0].position), (1, 1), "{bad}");
        assert!(index.bad[0].problem.contains(says), "{bad}: {}", index.bad[0].problem);
    }
    let held = read(r#"{"skills":[{"name":"a","description":"A."}]}"#);
    assert_eq!(held.bad[0].name.as_ref().map(SkillName::as_str), Some("a"), "it is known whose entry it is");
    let schema = format!(r#""$schema":"{SCHEMA}","#);
    for (bad, says) in [
        (r#"{"name":"a","type":"archive","description":"A.","digest":"sha256:00"}"#, "`url`"),
        (r#"{"name":"a","type":"archive","description":"A.","url":"x","digest":"sha256:00"}"#, "`digest`"),
        (r#"{"name":"a","type":"archive","description":"A.","url":"x"}"#, "`digest`"),
        (
            &format!(
                r#"{{"name":"a","type":"archive","description":"A.","url":"file:///x","digest":"{HASH}"}}"#
            ),
            "`url`",
        ),
    ] {
        let index = read(&format!(r#"{{{schema}"skills":[{bad}]}}"#));
        assert!(index.bad[0].problem.contains(says), "{bad}: {}", index.bad[0].problem);
    }
}
