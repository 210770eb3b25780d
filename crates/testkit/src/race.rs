//! Several processes on one store at once. It starts them together and gathers how each ended; what must hold
//! afterwards is the test's to say.

use std::sync::Barrier;
use std::thread;

use crate::machine::Machine;
use crate::outcome::Output;

/// Runs `processes` lanes beside each other on one machine; each lane runs `rounds` commands, one after the other,
/// with the arguments that `command(lane, round)` gives. The ends come back sorted by lane, then round.
pub fn race<F>(machine: &Machine, processes: usize, rounds: usize, command: F) -> Vec<Output>
where
    F: Fn(usize, usize) -> Vec<String> + Sync,
{
    let gate = Barrier::new(processes);
    let (gate, command) = (&gate, &command);
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..processes)
            .map(|lane| {
                scope.spawn(move || {
                    gate.wait();
                    let one = |round| {
                        let args = command(lane, round);
                        let args: Vec<&str> = args.iter().map(String::as_str).collect();
                        machine.run(&args).either()
                    };
                    (0..rounds).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        lanes
            .into_iter()
            .flat_map(|lane| match lane.join() {
                Ok(ends) => ends,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
