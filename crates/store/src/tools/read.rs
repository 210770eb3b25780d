//! Reads a registry of tools from TOML onto the tools that are known already. Every error has a place in the file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use skillsync_core::name::{self, TargetId};
use toml_edit::{Document, Item, Table, TableLike};

use super::location::{InProject, Location, is_var};
use super::{Error, Listing, Mode, Tool, Tools, fold, shown};
use skillsync_core::nearest::nearest;

const ROOT_KEYS: [&str; 2] = ["vars", "tool"];
const TOOL_KEYS: [&str; 10] = [
    "id",
    "name",
    "project",
    "global",
    "detect",
    "also_scans",
    "also_scans_project",
    "aliases",
    "mode",
    "listing",
];
const LISTING_KEYS: [&str; 2] = ["budget_chars", "entry_chars"];

/// Adds what `text` says to `tools`: variables, new tools, fields of known tools. On an error `tools` may be left
/// half changed.
pub(super) fn extend(tools: &mut Tools, text: &str, file: &Path) -> Result<(), Error> {
    let source = Source { text, file };
    let document = Document::parse(text).map_err(|error| {
        let problem = error.message().lines().collect::<Vec<_>>().join(", ");
        source.wrong(error.span(), format!("is not TOML: {problem}"))
    })?;
    let root = document.as_table();
    source.keys(root, &ROOT_KEYS)?;
    if let Some(item) = root.get("vars") {
        let table = item
            .as_table_like()
            .ok_or_else(|| source.wrong(item.span(), "`vars` must be a table".to_owned()))?;
        for (name, item) in table.iter() {
            source.declare(&mut tools.vars, name, item)?;
        }
    }
    let mut described: BTreeMap<usize, &Table> = BTreeMap::new();
    for table in source.tool_tables(root)? {
        source.keys(table, &TOOL_KEYS)?;
        let index = source.tool_of(&mut tools.tools, table)?;
        source.apply(&mut tools.tools[index], &tools.vars, table)?;
        if described.insert(index, table).is_some() {
            let problem = format!("tool `{}` is described twice in this file", tools.tools[index].id);
            return Err(source.wrong(source.at(table, "id"), problem));
        }
    }
    source.unique(&tools.tools, &described)?;
    for tool in &mut tools.tools {
        let locations = tool.global.iter_mut().chain(&mut tool.detect).chain(&mut tool.also_scans);
        locations.for_each(|location| location.bind(|name| tools.vars.get(name).cloned().flatten()));
    }
    Ok(())
}

/// Bytes of the file; none for what stands nowhere in it.
type Span = Option<Range<usize>>;

/// The file being read: what every error needs to name its place.
struct Source<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Source<'_> {
    fn wrong(&self, span: Span, problem: String) -> Error {
        let before = self.text.get(..span.map_or(0, |span| span.start)).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Error::Data {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem,
            hint: None,
            source: None,
        }
    }

    fn hinted(&self, span: Span, problem: String, advice: String) -> Error {
        let mut error = self.wrong(span, problem);
        if let Error::Data { hint, .. } = &mut error {
            *hint = Some(advice);
        }
        error
    }

    fn wrong_id(&self, span: Span, cause: name::Error) -> Error {
        let mut error = self.wrong(span, "`id` cannot be the id of a tool".to_owned());
        if let Error::Data { source, .. } = &mut error {
            *source = Some(Box::new(cause));
        }
        error
    }

    /// Where the value of `key` stands; the table itself where there is none.
    fn at(&self, table: &Table, key: &str) -> Span {
        table.get(key).and_then(Item::span).or_else(|| table.span())
    }

    /// Refuses a key that nothing reads: it is a slip, and what was meant would silently not hold.
    fn keys(&self, table: &dyn TableLike, known: &[&str]) -> Result<(), Error> {
        for (key, item) in table.iter() {
            if known.contains(&key) {
                continue;
            }
            let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
            let problem = format!("unknown key `{}`", shown(key));
            let advice = match nearest(key, known.iter().copied()).first() {
                Some(&index) => format!("did you mean `{}`?", known[index]),
                None => format!("known here: `{}`", known.join("`, `")),
            };
            return Err(self.hinted(span, problem, advice));
        }
        Ok(())
    }

    fn text<'t>(&self, item: &'t Item, key: &str) -> Result<&'t str, Error> {
        item.as_str().ok_or_else(|| self.wrong(item.span(), format!("`{key}` must be text in quotes")))
    }

    fn texts<'t>(&self, item: &'t Item, key: &str) -> Result<Vec<(&'t str, Span)>, Error> {
        let list = item
            .as_array()
            .ok_or_else(|| self.wrong(item.span(), format!("`{key}` must be a list: [\"...\", \"...\"]")))?;
        let each = list.iter().map(|value| match value.as_str() {
            Some(text) => Ok((text, value.span())),
            None => Err(self.wrong(value.span(), format!("`{key}` must list text in quotes"))),
        });
        each.collect()
    }

    fn count(&self, item: &Item, key: &str) -> Result<usize, Error> {
        item.as_integer()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number > 0)
            .ok_or_else(|| self.wrong(item.span(), format!("`{key}` must be a whole number above 0")))
    }

    fn declare(
        &self,
        vars: &mut BTreeMap<String, Option<Location>>,
        name: &str,
        item: &Item,
    ) -> Result<(), Error> {
        if !is_var(name) {
            return Err(
                self.wrong(item.span(), format!("`{}` cannot be the name of a variable", shown(name)))
            );
        }
        let text = self.text(item, name)?;
        let default = match text {
            "" => None,
            _ => Some(Location::parse(text).map_err(|problem| self.bad_path(item.span(), text, problem))?),
        };
        if default.as_ref().is_some_and(|default| default.var().is_some()) {
            let problem = format!("the default of `{name}` cannot be another variable");
            return Err(self.wrong(item.span(), problem));
        }
        vars.insert(name.to_owned(), default);
        Ok(())
    }

    fn bad_path(&self, span: Span, text: &str, problem: &str) -> Error {
        self.wrong(span, format!("path `{}` {problem}", shown(text)))
    }

    fn location(
        &self,
        vars: &BTreeMap<String, Option<Location>>,
        text: &str,
        span: Span,
    ) -> Result<Location, Error> {
        let location = Location::parse(text).map_err(|problem| self.bad_path(span.clone(), text, problem))?;
        let Some(name) = location.var().filter(|name| !vars.contains_key(*name)) else {
            return Ok(location);
        };
        let problem = format!("variable `${}` is not declared", shown(name));
        let known: Vec<&String> = vars.keys().collect();
        let advice = match nearest(name, known.iter().map(|known| known.as_str())).first() {
            Some(&index) => format!("did you mean `${}`?", known[index]),
            None => format!("declare it with its default: `[vars]` `{name} = \"~/...\"`, or \"\" for none"),
        };
        Err(self.hinted(span, problem, advice))
    }

    fn tool_tables<'t>(&self, root: &'t Table) -> Result<Vec<&'t Table>, Error> {
        match root.get("tool") {
            None => Ok(Vec::new()),
            Some(Item::ArrayOfTables(tables)) => Ok(tables.iter().collect()),
            Some(other) => Err(self.hinted(
                other.span(),
                "`tool` must be a list of tables".to_owned(),
                "begin each tool with a line `[[tool]]` and a line `id = \"...\"`".to_owned(),
            )),
        }
    }

    /// The position of the tool that `table` describes; a new one is added with what it cannot be without.
    fn tool_of(&self, tools: &mut Vec<Tool>, table: &Table) -> Result<usize, Error> {
        let item =
            table.get("id").ok_or_else(|| self.wrong(table.span(), "this tool has no `id`".to_owned()))?;
        let id =
            TargetId::parse(self.text(item, "id")?).map_err(|cause| self.wrong_id(item.span(), cause))?;
        if let Some(index) = tools.iter().position(|tool| tool.id == id) {
            return Ok(index);
        }
        let project = match table.get("project") {
            Some(item) => self.in_project(self.text(item, "project")?, item.span())?,
            None => {
                let advice = match nearest(id.as_str(), tools.iter().map(|tool| tool.id.as_str())).first() {
                    Some(&index) => format!("did you mean the tool `{}`?", tools[index].id),
                    None => format!("for example `project = \".{id}/skills\"`"),
                };
                let problem = format!("tool `{id}` is new and has no `project`");
                return Err(self.hinted(item.span(), problem, advice));
            }
        };
        tools.push(Tool {
            name: id.to_string(),
            id,
            project,
            global: None,
            detect: Vec::new(),
            also_scans: Vec::new(),
            also_scans_project: Vec::new(),
            aliases: Vec::new(),
            mode: Mode::default(),
            listing: None,
        });
        Ok(tools.len() - 1)
    }

    fn in_project(&self, text: &str, span: Span) -> Result<InProject, Error> {
        InProject::parse(text).map_err(|problem| self.bad_path(span, text, problem))
    }

    /// Replaces the fields of `tool` that `table` has.
    fn apply(
        &self,
        tool: &mut Tool,
        vars: &BTreeMap<String, Option<Location>>,
        table: &Table,
    ) -> Result<(), Error> {
        let locations = |item: &Item, key: &str| -> Result<Vec<Location>, Error> {
            let texts = self.texts(item, key)?;
            texts.into_iter().map(|(text, span)| self.location(vars, text, span)).collect()
        };
        for (key, item) in table.iter() {
            match key {
                "name" => tool.name = self.label(self.text(item, key)?, item.span())?,
                "project" => tool.project = self.in_project(self.text(item, key)?, item.span())?,
                "global" => {
                    tool.global = match self.text(item, key)? {
                        "" => None,
                        text => Some(self.location(vars, text, item.span())?),
                    };
                }
                "detect" => tool.detect = locations(item, key)?,
                "also_scans" => tool.also_scans = locations(item, key)?,
                "also_scans_project" => {
                    let texts = self.texts(item, key)?.into_iter();
                    let folders = texts.map(|(text, span)| self.in_project(text, span));
                    tool.also_scans_project = folders.collect::<Result<_, _>>()?;
                }
                "aliases" => {
                    let texts = self.texts(item, key)?.into_iter();
                    tool.aliases =
                        texts.map(|(text, span)| self.label(text, span)).collect::<Result<_, _>>()?;
                }
                "mode" => {
                    let text = self.text(item, key)?;
                    tool.mode = text
                        .parse()
                        .map_err(|error: super::ModeError| self.wrong(item.span(), error.to_string()))?;
                }
                "listing" => self.listing(tool.listing.get_or_insert_default(), item)?,
                _ => {} // `id`, and nothing else: `keys` refused the rest.
            }
        }
        Ok(())
    }

    fn listing(&self, listing: &mut Listing, item: &Item) -> Result<(), Error> {
        let table = item.as_table_like().ok_or_else(|| {
            self.wrong(item.span(), "`listing` must be a table `[tool.listing]`".to_owned())
        })?;
        self.keys(table, &LISTING_KEYS)?;
        for (key, item) in table.iter() {
            let count = Some(self.count(item, key)?);
            if key == "budget_chars" {
                listing.budget_chars = count;
            } else {
                listing.entry_chars = count;
            }
        }
        Ok(())
    }

    /// A name that people type and see: a word of text, nothing that hides or garbles.
    fn label(&self, text: &str, span: Span) -> Result<String, Error> {
        if fold(text).is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
            let problem =
                format!("name `{}` must have 1 to 64 characters, none of them a control", shown(text));
            return Err(self.wrong(span, problem));
        }
        Ok(text.to_owned())
    }

    /// Refuses a tool that answers to a name of another: one of the two could never be reached. Judged when all is
    /// read, so that a file may take a name from one tool and give it to another.
    fn unique(&self, tools: &[Tool], described: &BTreeMap<usize, &Table>) -> Result<(), Error> {
        let mut owners: BTreeMap<String, usize> = BTreeMap::new();
        for (index, tool) in tools.iter().enumerate() {
            for label in tool.labels().map(fold) {
                let owner = *owners.entry(label.clone()).or_insert(index);
                if owner == index {
                    continue;
                }
                // The later of the two that this file describes: only what is written here can be mended here.
                let (wrong, other) =
                    if described.contains_key(&index) { (index, owner) } else { (owner, index) };
                let span = described.get(&wrong).and_then(|table| {
                    let key = if fold(&tools[wrong].name) == label { "name" } else { "aliases" };
                    self.at(table, key)
                });
                let (wrong, other) = (&tools[wrong].id, &tools[other].id);
                let problem =
                    format!("tool `{wrong}` cannot be called `{}`: tool `{other}` is", shown(&label));
                return Err(self.wrong(span, problem));
            }
        }
        Ok(())
    }
}
