//! Machines with a store of a few plain skills, for the tests of the daily commands.

use skillsync_testkit::{Machine, SkillBuilder};

/// A machine without a store.
pub(crate) fn machine() -> Machine {
    Machine::new(env!("CARGO_BIN_EXE_skillsync"))
}

/// A machine whose store holds these skills, each added from `src/<name>`.
pub(crate) fn holding(skills: &[&str]) -> Machine {
    let machine = machine();
    machine.run(&["init"]).ok();
    for name in skills {
        machine.skill_folder(&format!("src/{name}"), &SkillBuilder::new(name));
        machine.run(&["add", &format!("src/{name}")]).ok();
    }
    machine
}
