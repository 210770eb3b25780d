//! The settings of Claude Code, in JSON, with our session hook put in or taken out: every other byte stays as it is. Reading
//! and writing the file is left to others.

use serde_json::Value;

use crate::fault::{Fault, Kind};
use span::Node;

mod span;

/// The settings cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They are not JSON.
    #[error("it is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// They are JSON of another shape.
    #[error("{place} is not {expected}")]
    Shape {
        /// Where.
        place: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// A key on the way to the hook is there twice: nobody can say which one counts.
    #[error("the key `{key}` is there twice")]
    Twice {
        /// The key.
        key: &'static str,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        match self {
            Error::NotJson(_) => "settings-not-json",
            Error::Shape { .. } | Error::Twice { .. } => "settings-malformed",
        }
    }
    fn hint(&self) -> Option<String> {
        Some("mend the file by hand; nothing was changed".to_owned())
    }
}

/// What an agent is to run when a session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHook {
    /// The command line.
    pub command: String,
    /// How long the agent waits for it, in seconds.
    pub timeout_s: u64,
}

/// Which beginnings of a session the hook is for: not when a long one is compacted.
const MATCHER: &str = "startup|resume|clear";
const HOOKS: &str = "hooks";
const EVENT: &str = "SessionStart";

/// `text` with `hook` in it, once. The same text when it is there; one that runs another command of ours is brought to this
/// one. An empty text counts as no settings.
pub fn with_hook(text: &str, hook: &SessionHook) -> Result<String, Error> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let root = read(text)?;
    let style = Style::of(text, &root);
    let group = |depth: usize| style.group(hook, depth);
    let Some(hooks) = member(&root, "the file", HOOKS)? else {
        let value = style.object(1, EVENT, &style.array(2, &group(3)));
        return Ok(style.insert(text, &root, 1, &format!("\"{HOOKS}\": {value}")));
    };
    let Some(groups) = member(hooks, "`hooks`", EVENT)? else {
        let value = style.array(2, &group(3));
        return Ok(style.insert(text, hooks, 2, &format!("\"{EVENT}\": {value}")));
    };
    let ours = find(text, groups)?;
    match ours.first() {
        None => Ok(style.insert(text, groups, 3, &group(3))),
        Some(ours) => {
            let command = quoted(&hook.command);
            Ok(replaced(text, ours.command.span.clone(), &command))
        }
    }
}

/// `text` without any hook of ours; what is left empty by that goes, too.
pub fn without_hook(text: &str) -> Result<String, Error> {
    let mut text = text.to_owned();
    if text.trim().is_empty() {
        return Ok(text);
    }
    loop {
        let root = read(&text)?;
        let Some(hooks) = member(&root, "the file", HOOKS)? else { return Ok(text) };
        let Some(groups) = member(hooks, "`hooks`", EVENT)? else { return Ok(text) };
        let ours = find(&text, groups)?;
        let Some(ours) = ours.first() else { return Ok(text) };
        // From the inside out: the outermost thing that holds nothing but the hook goes.
        let mut gone = (ours.list, ours.hook);
        let chain = [(groups, ours.group), (hooks, place(hooks, groups)), (&root, place(&root, hooks))];
        for (container, at) in chain {
            if gone.0.children().len() > 1 {
                break;
            }
            gone = (container, at);
        }
        text = removed(&text, gone.0, gone.1);
    }
}

/// The commands of ours in `text`, as they are written there.
pub fn hooks_of_ours(text: &str) -> Result<Vec<String>, Error> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let root = read(text)?;
    let Some(hooks) = member(&root, "the file", HOOKS)? else { return Ok(Vec::new()) };
    let Some(groups) = member(hooks, "`hooks`", EVENT)? else { return Ok(Vec::new()) };
    Ok(find(text, groups)?.iter().filter_map(|ours| text_of(text, ours.command)).collect())
}

/// Whether a command line runs our hook, wherever the program lies.
pub fn is_ours(command: &str) -> bool {
    let breaks = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')');
    let words: Vec<&str> = command.split(breaks).filter(|word| !word.is_empty()).collect();
    let program = |word: &str| {
        let name = word.trim_matches(['"', '\'']).rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        name == "skillsync" || name == "skillsync.exe"
    };
    words.windows(3).any(|w| program(w[0]) && w[1] == "hook" && w[2] == "session-start")
}

fn read(text: &str) -> Result<Node, Error> {
    // The scanner relies on it: what is no JSON never reaches it.
    serde_json::from_str::<Value>(text).map_err(Error::NotJson)?;
    Ok(span::scan(text))
}

/// The member `key` of an object. Fails when `node` is none, or has it twice.
fn member<'n>(node: &'n Node, place: &'static str, key: &'static str) -> Result<Option<&'n Node>, Error> {
    let Some(members) = node.members() else { return Err(Error::Shape { place, expected: "an object" }) };
    let mut found = members.filter(|(name, _)| *name == key).map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() { Err(Error::Twice { key }) } else { Ok(first) }
}

/// A hook of ours: where it stands.
struct Ours<'n> {
    /// Which group of the event.
    group: usize,
    /// The group's list of hooks.
    list: &'n Node,
    /// Which of them.
    hook: usize,
    /// Its command.
    command: &'n Node,
}

fn find<'n>(text: &str, groups: &'n Node) -> Result<Vec<Ours<'n>>, Error> {
    let shape = |place, expected| Error::Shape { place, expected };
    if !groups.is_array() {
        return Err(shape("`hooks.SessionStart`", "a list"));
    }
    let mut found = Vec::new();
    for (group, node) in groups.children().iter().enumerate() {
        // What other programs wrote there, in a shape of their own, is not ours.
        let Some(list) = member(node, "a group of `hooks.SessionStart`", HOOKS)? else { continue };
        if !list.is_array() {
            return Err(shape("`hooks` of a group of `hooks.SessionStart`", "a list"));
        }
        for (hook, node) in list.children().iter().enumerate() {
            let command = node.members().and_then(|mut members| members.find(|(key, _)| *key == "command"));
            let Some((_, command)) = command else { continue };
            if text_of(text, command).is_some_and(|text| is_ours(&text)) {
                found.push(Ours { group, list, hook, command });
            }
        }
    }
    Ok(found)
}

/// The text that `node` is, if it is one.
fn text_of(text: &str, node: &Node) -> Option<String> {
    serde_json::from_str(&text[node.span.clone()]).ok()
}

fn place(container: &Node, child: &Node) -> usize {
    container.children().iter().position(|node| node.span == child.span).unwrap_or_default()
}

fn replaced(text: &str, span: std::ops::Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..span.start], &text[span.end..])
}

/// `text` without the child `at` of `container`, its comma and the space around it.
fn removed(text: &str, container: &Node, at: usize) -> String {
    let whole: Vec<_> = container.wholes().collect();
    let gone = match (at.checked_sub(1).and_then(|before| whole.get(before)), whole.get(at + 1)) {
        (Some(before), _) => before.end..whole[at].end,
        (None, Some(next)) => whole[at].start..next.start,
        // Nothing is left: an empty pair of brackets.
        (None, None) => container.span.start + 1..container.span.end - 1,
    };
    replaced(text, gone, "")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// How the file is laid out: what is put in looks like the rest.
struct Style {
    newline: &'static str,
    /// One step of indentation; none where all stands on one line.
    unit: Option<String>,
}

impl Style {
    fn of(text: &str, root: &Node) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let unit = match root.wholes().next() {
            None => Some("  ".to_owned()),
            Some(first) => {
                let space = &text[root.span.start + 1..first.start];
                space.rfind('\n').map(|at| space[at + 1..].to_owned())
            }
        };
        Self { newline, unit }
    }

    /// The end of a line and the indentation of the next; a blank where all stands on one line.
    fn turn(&self, depth: usize) -> String {
        match &self.unit {
            Some(unit) => format!("{}{}", self.newline, unit.repeat(depth)),
            None => String::new(),
        }
    }

    fn object(&self, depth: usize, key: &str, value: &str) -> String {
        format!("{{{}\"{key}\": {value}{}}}", self.turn(depth + 1), self.turn(depth))
    }

    fn array(&self, depth: usize, element: &str) -> String {
        format!("[{}{element}{}]", self.turn(depth + 1), self.turn(depth))
    }

    fn fields(&self, depth: usize, fields: &[(&str, String)]) -> String {
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        let comma = if self.unit.is_some() { "," } else { ", " };
        let inner = fields.join(&format!("{comma}{}", self.turn(depth + 1)));
        format!("{{{}{inner}{}}}", self.turn(depth + 1), self.turn(depth))
    }

    fn group(&self, hook: &SessionHook, depth: usize) -> String {
        let hook = self.fields(
            depth + 2,
            &[
                ("type", quoted("command")),
                ("command", quoted(&hook.command)),
                ("timeout", hook.timeout_s.to_string()),
            ],
        );
        self.fields(depth, &[("matcher", quoted(MATCHER)), ("hooks", self.array(depth + 1, &hook))])
    }

    /// Puts `child` in as the last of `container`, whose children are `depth` steps in.
    fn insert(&self, text: &str, container: &Node, depth: usize, child: &str) -> String {
        match container.wholes().last() {
            Some(last) => {
                let comma = if self.unit.is_some() { "," } else { ", " };
                replaced(text, last.end..last.end, &format!("{comma}{}{child}", self.turn(depth)))
            }
            None => {
                let inside = container.span.start + 1..container.span.end - 1;
                replaced(text, inside, &format!("{}{child}{}", self.turn(depth), self.turn(depth - 1)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
