//! What every version must be, whoever makes it.

use jiff::Timestamp;
use skillsync_core::path::SkillPath;
use skillsync_core::skill::{Origin, Source};

use super::*;
use crate::objects::Batch;

#[test]
fn a_name_keeps_its_type_and_its_files_are_what_that_asks_for() {
    let home = tempfile::tempdir().unwrap();
    let (store, _) = Store::init(&home.path().join("store"), home.path(), Timestamp::UNIX_EPOCH).unwrap();
    let writing = store.write().unwrap();
    let mut index = Index::default();
    let name = SkillName::parse("review").unwrap();
    let mut version = |artifact_type, path: &str| {
        let transaction = writing.transaction().unwrap();
        let batch = Batch::new(store.layout(), transaction.dir()).unwrap();
        let contents = [(SkillPath::parse(path).unwrap(), path.as_bytes().to_vec(), false)];
        let staged = stage_bytes(&transaction, &batch, &name, &contents).unwrap();
        let change = Change { artifact_type, ..Change::new(staged, Origin::Add, Source::Imported) };
        let mut results = advance(&writing, &transaction, batch, &mut index, vec![change]).unwrap();
        results.remove(0).map(|advanced| advanced.version.number).map_err(|e| e.code())
    };
    use ArtifactType::{Agent, Command, Skill};
    assert_eq!(version(Skill, "review.md"), Err("no-skill-md"));
    assert_eq!(version(Command, "SKILL.md"), Err("not-one-file"));
    assert_eq!(version(Command, "review.md"), Ok(1));
    assert_eq!(version(Skill, "SKILL.md"), Err("not-one-file"));
    assert_eq!(version(Agent, "review.md"), Ok(2));
    assert_eq!(load(&store, &name).unwrap().artifact_type, Command);
}
