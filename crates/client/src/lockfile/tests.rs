//! Lists as the tools wrote them, and lists that lie.

use super::*;

const HASH: &str = "sha256:f4763d59cede174af8bf6d7a5b1a174fcf86002a7200204b8ce38c3d8c621a1b";

fn read(text: &str) -> List {
    parse(text.as_bytes(), Path::new("folder/list"), IC_SITE).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn p6_every_shape_that_other_tools_write_is_read() {
    let list = read(r#"["b", "a"]"#);
    assert_eq!((list.tool, list.skills[0].name.as_str(), list.skills.len()), (Tool::IcSkills, "a", 2));
    let list = read(&format!(r#"{{"a": "{HASH}", "b": ""}}"#));
    assert_eq!(list.skills[0].proof, Proof::Content(HASH.parse().unwrap()));
    assert_eq!(list.skills[1].proof, Proof::None, "a site without hashes");
    assert_eq!(read("{}").skills.len(), 0);

    // As npm's `skills` 1.7.4 wrote them.
    let list = read(
        r#"{"version": 1, "skills": {
            "csv": {"source": "127.0.0.1", "sourceUrl": "https://h.example", "sourceType": "well-known",
                "computedHash": "6c146865", "wellKnownDigest": "sha256:7378"},
            "pdf": {"source": "owner/repo", "ref": "main", "sourceType": "github",
                "skillPath": "skills/pdf/SKILL.md", "computedHash": "abc"}}}"#,
    );
    assert_eq!(list.tool, Tool::Skills);
    let published = Some("sha256:7378".to_owned());
    assert_eq!(
        list.skills[0].origin,
        Origin::Index { site: Some("https://h.example".to_owned()), published }
    );
    assert_eq!(list.skills[1].origin, Origin::Git { address: "owner/repo/skills/pdf@main".to_owned() });
    let list = read(
        r#"{"version": 3, "dismissed": {}, "skills": {"x": {"source": "owner/repo", "sourceType": "github",
            "sourceUrl": "https://github.com/owner/repo", "skillPath": "skills/x", "skillFolderHash": "",
            "installedAt": "2026-01-31T12:00:00.000Z", "updatedAt": "2026-01-31T12:00:00.000Z"}}}"#,
    );
    assert_eq!(list.skills[0].origin, Origin::Git { address: "owner/repo/skills/x".to_owned() });

    // As it wrote what it installed for all projects: the address of the file, and that of the site.
    for base in ["", r#""sourceBaseUrl": "https://h.example/a","#] {
        let list = read(&format!(
            r#"{{"version": 3, "dismissed": {{}}, "skills": {{"csv": {{"source": "h.example", "sourceType": "well-known",
                "sourceUrl": "https://h.example/a/.well-known/agent-skills/csv/SKILL.md", "skillFolderHash": "", {base}
                "wellKnownDigest": "sha256:7378", "installedAt": "2026-11-21T01:08:09.037Z"}}}}}}"#
        ));
        let published = Some("sha256:7378".to_owned());
        let site = Some("https://h.example/a".to_owned());
        assert_eq!(list.skills[0].origin, Origin::Index { site, published });
    }

    let list = read(r#"{"version": 1, "skills": {"s": {"version": "1.2.0", "installedAt": 1767225600000}}}"#);
    assert_eq!(list.tool, Tool::ClawHub);
    assert_eq!(list.skills[0].origin, Origin::Registry { version: "1.2.0".to_owned() });
    let list = read(
        r#"{"source": "owner/repo", "sourceType": "git", "repoUrl": "https://github.com/owner/repo",
            "subpath": "skills/pdf", "installedAt": "2026-01-31T12:00:00.000Z"}"#,
    );
    assert_eq!((list.tool, list.skills[0].name.as_str()), (Tool::OpenSkills, "folder"));
    assert_eq!(list.skills[0].origin, Origin::Git { address: "owner/repo/skills/pdf".to_owned() });
    for bad in ["", "{", "7", "[1]", r#"{"a": 1}"#, r#"{"a": "md5:1"}"#, r#"{"version":1,"skills":{"a":7}}"#]
    {
        assert!(parse(bad.as_bytes(), Path::new("x"), IC_SITE).is_err(), "{bad}");
    }
}

#[test]
fn a_list_is_of_the_tool_whose_file_it_is_in() {
    let read =
        |text: &str, path: &str| parse(text.as_bytes(), Path::new(path), IC_SITE).map(|list| list.tool);
    assert!(read(r#"["a"]"#, "p/skills-lock.json").is_err(), "the whole of another site would be followed");
    assert_eq!(read(r#"["a"]"#, "p/.ic-managed.json").unwrap(), Tool::IcSkills);
    let empty = r#"{"version": 1, "skills": {}}"#;
    assert_eq!(read(empty, "p/.clawhub/lock.json").unwrap(), Tool::ClawHub);
    assert_eq!(read(empty, "p/skills-lock.json").unwrap(), Tool::Skills);
}

#[test]
fn a_list_of_more_skills_than_anybody_has_is_refused() {
    let list = |count: usize| serde_json::json!(vec!["a"; count]).to_string();
    assert_eq!(read(&list(LIST_SKILLS)).skills.len(), LIST_SKILLS);
    let refused = parse(list(LIST_SKILLS + 1).as_bytes(), Path::new("x"), IC_SITE);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::TooMany(count) if count == LIST_SKILLS + 1));
    assert_eq!((refused.kind(), refused.code()), (Kind::Limit, "skill-list-too-long"));
}

#[test]
fn nothing_secret_long_or_forged_is_told_of_a_list() {
    let list = |source: &str| {
        let skill = serde_json::json!({"source": source, "sourceType": "git"});
        let list = serde_json::json!({"version": 1, "skills": {"a\nb": skill}});
        let list = parse(list.to_string().as_bytes(), Path::new("l"), IC_SITE).unwrap();
        let Origin::Git { address } = list.skills[0].origin.clone() else { panic!("{list:?}") };
        (list.skills[0].name.clone(), address)
    };
    let (name, address) = list("https://user:TOKEN@git.example/x@y");
    assert_eq!((name.as_str(), address.as_str()), ("a\u{fffd}b", "https://git.example/x@y"));
    assert_eq!(list("owner/repo@main").1, "owner/repo@main");
    assert_eq!(list("a\nEverything is fine").1, "a\u{fffd}Everything is fine");
    assert_eq!(list(&"x".repeat(9_000_000)).1.len(), 500);
}

#[test]
fn a_site_has_one_spelling() {
    for url in ["https://h.example", "https://h.example/", "https://h.example:443/.well-known"] {
        assert_eq!(site(url), "https://h.example");
    }
    assert_eq!(site("https://h.example:8443/a/.well-known/skills/x/SKILL.md"), "https://h.example:8443/a");
    assert_eq!(site("http://127.0.0.1:80/a"), "http://127.0.0.1/a");
}

#[test]
fn the_hash_of_npm_skills_is_computed_as_it_does() {
    use skillsync_core::path::SkillPath;
    use skillsync_store::payload::PayloadFile;
    let files = [
        ("SKILL.md", "---\nname: pdf\ndescription: Reads PDF. Use for PDF.\n---\n# Hello\n"),
        ("references/a.md", "x\n"),
        ("scripts/run.sh", "#!/bin/sh\necho hi\n"),
    ];
    let file = |(path, text): (&str, &str)| {
        let file = PayloadFile { bytes: text.as_bytes().to_vec(), executable: false };
        (SkillPath::parse(path).unwrap(), file)
    };
    let payload = Payload::new(files.into_iter().map(file).collect()).unwrap();
    // As version 1.7.4 wrote it for these files.
    let hash = "ab9620da1feae9f8e927ead7f848a5c414f7a87171a9cff25d01fd8405f61e23";
    assert_eq!(Proof::Skills(hash.to_owned()).holds(&payload), Some(true));
    assert_eq!(Proof::Skills("00".to_owned()).holds(&payload), Some(false));
    assert_eq!(Proof::None.holds(&payload), None);
}
