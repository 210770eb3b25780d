//! The exit codes of `skillsync`, and the one table that makes them from an error's kind.

use std::process::ExitCode;

use skillsync_core::fault::Kind;

/// How a run ended, as the process tells its caller. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed, or the answer of a check is no (`sync check` found drift, `doctor` found an error).
    Failed,
    /// 2: the command line is wrong, or a question had nobody to answer it.
    Usage,
    /// 3: some of it was done: some targets or skills failed, the report says which.
    Partial,
    /// 4: somebody else holds it; try again later or take it over with `--force`.
    Locked,
    /// 5: two changes disagree and somebody must decide.
    Conflict,
    /// 6: a signature or digest does not hold, or it is not permitted.
    Refused,
    /// 7: a network is needed and is not there, or what is here is too old to trust.
    Offline,
}

impl Exit {
    /// The number the process returns.
    pub const fn number(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::Locked => 4,
            Exit::Conflict => 5,
            Exit::Refused => 6,
            Exit::Offline => 7,
        }
    }

    /// How a run ends that was stopped by an error of this kind.
    pub const fn of(kind: Kind) -> Exit {
        match kind {
            Kind::Invalid | Kind::NotFound | Kind::Exists | Kind::Limit | Kind::Io => Exit::Failed,
            Kind::Locked => Exit::Locked,
            Kind::Conflict => Exit::Conflict,
            Kind::Untrusted | Kind::Denied => Exit::Refused,
            Kind::Offline => Exit::Offline,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_promised_number() {
        let check = |kind: Kind, number: u8| assert_eq!(Exit::of(kind).number(), number, "{kind:?}");
        check(Kind::Invalid, 1);
        check(Kind::NotFound, 1);
        check(Kind::Exists, 1);
        check(Kind::Limit, 1);
        check(Kind::Io, 1);
        check(Kind::Locked, 4);
        check(Kind::Conflict, 5);
        check(Kind::Untrusted, 6);
        check(Kind::Denied, 6);
        check(Kind::Offline, 7);
        let plain = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Partial].map(Exit::number);
        assert_eq!(plain, [0, 1, 2, 3]);
    }
}
