//! What the text of a skill is made of: words, sentences that tell what to do, code and its languages, and how far
//! languages are mixed that an agent could confuse. It counts; what of it is wrong is for others to say.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a Markdown text is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prose {
    /// Words outside of code.
    pub words: usize,
    /// Headings.
    pub sections: usize,
    /// Items of lists.
    pub list_items: usize,
    /// Sentences and items of lists.
    pub sentences: usize,
    /// Those of them that begin with a verb that tells what to do.
    pub instructions: usize,
    /// Words that leave no choice: must, always, never.
    pub firm: usize,
    /// Words that leave one: may, could, consider.
    pub soft: usize,
    /// Lines that are not blank, code included.
    pub lines: usize,
    /// Lines of code among them.
    pub code_lines: usize,
    /// Blocks of code by the language that their fence names, in lower case; empty where it names none.
    pub blocks: BTreeMap<String, usize>,
    /// Names of languages whose tools are named, in code or outside of it.
    pub tools: BTreeMap<&'static str, usize>,
    /// The line of a fence that nothing closes, from 1: everything below it is code to who reads it.
    pub unclosed: Option<usize>,
}

/// First words of sentences that tell what to do.
const VERBS: &[&str] = &[
    "add",
    "adjust",
    "analyze",
    "answer",
    "apply",
    "ask",
    "avoid",
    "begin",
    "build",
    "call",
    "change",
    "check",
    "choose",
    "clean",
    "close",
    "collect",
    "compare",
    "compute",
    "confirm",
    "convert",
    "copy",
    "create",
    "define",
    "delete",
    "describe",
    "determine",
    "do",
    "don't",
    "download",
    "edit",
    "ensure",
    "execute",
    "explain",
    "export",
    "extract",
    "fetch",
    "fill",
    "find",
    "fix",
    "follow",
    "format",
    "generate",
    "get",
    "give",
    "go",
    "identify",
    "ignore",
    "implement",
    "import",
    "include",
    "insert",
    "inspect",
    "install",
    "keep",
    "leave",
    "limit",
    "list",
    "load",
    "look",
    "make",
    "match",
    "measure",
    "merge",
    "move",
    "name",
    "never",
    "note",
    "omit",
    "open",
    "parse",
    "pass",
    "pick",
    "place",
    "prefer",
    "prepare",
    "print",
    "provide",
    "pull",
    "push",
    "put",
    "read",
    "record",
    "refer",
    "remove",
    "rename",
    "repeat",
    "replace",
    "report",
    "return",
    "review",
    "run",
    "save",
    "search",
    "see",
    "select",
    "send",
    "set",
    "show",
    "skip",
    "sort",
    "split",
    "start",
    "state",
    "stop",
    "store",
    "summarize",
    "take",
    "tell",
    "test",
    "treat",
    "try",
    "turn",
    "update",
    "use",
    "validate",
    "verify",
    "wait",
    "warn",
    "watch",
    "write",
    "always",
    "must",
];
const FIRM: &[&str] =
    &["always", "cannot", "don't", "ensure", "exactly", "must", "never", "only", "require", "required"];
const SOFT: &[&str] = &[
    "could",
    "consider",
    "generally",
    "may",
    "maybe",
    "might",
    "optionally",
    "perhaps",
    "possibly",
    "sometimes",
    "usually",
];

/// Languages that programs are written in, each with the names that fences give it and the tools that belong to no other.
/// Those of shells, settings and markup stand beside every language and are none of them.
const LANGUAGES: &[(&str, &[&str], &[&str])] = &[
    ("c", &["c", "h", "cpp", "c++", "cc", "hpp"], &["gcc", "cmake", "clang"]),
    ("csharp", &["csharp", "cs", "c#"], &["dotnet", "nuget"]),
    ("dart", &["dart"], &["flutter"]),
    ("elixir", &["elixir", "ex", "exs"], &["mix.exs"]),
    ("go", &["go", "golang"], &["gofmt", "golang", "go.mod"]),
    ("java", &["java"], &["maven", "mvn", "pom.xml"]),
    (
        "javascript",
        &["javascript", "js", "jsx", "typescript", "ts", "tsx", "mjs", "node"],
        &["npm", "npx", "pnpm", "yarn"],
    ),
    ("kotlin", &["kotlin", "kt"], &["kotlinc"]),
    ("motoko", &["motoko", "mo"], &["mops"]),
    ("php", &["php"], &["phpunit"]),
    ("python", &["python", "py", "python3"], &["pip", "pip3", "poetry", "pytest", "virtualenv"]),
    ("r", &["r", "rscript"], &["rscript"]),
    ("ruby", &["ruby", "rb"], &["rubygems", "gemfile", "bundler"]),
    ("rust", &["rust", "rs"], &["cargo", "rustc", "rustup"]),
    ("scala", &["scala"], &["sbt"]),
    ("swift", &["swift"], &["xcodebuild"]),
];

/// How far languages are mixed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mixture {
    /// `low`, `medium` or `high`.
    pub level: Level,
    /// 0 where one language stands alone, up to 1: six tenths are the share of the blocks of code that are not in the main
    /// language, four tenths the number of the others, five and more counting as much as four.
    pub score: f32,
    /// The language of most blocks; null where no block names one.
    pub main: Option<&'static str>,
    /// All languages, by blocks of code in them or by their tools, sorted.
    pub languages: Vec<&'static str>,
}

/// How likely it is that an agent takes one language for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Less than 0.2.
    Low,
    /// Less than 0.5.
    Medium,
    /// 0.5 and more.
    High,
}

impl Level {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
        }
    }
}

impl Prose {
    /// Reads a Markdown text, frontmatter excluded.
    pub fn read(text: &str) -> Prose {
        let mut prose = Prose::default();
        let mut fence: Option<(char, usize, usize)> = None;
        for (number, line) in text.lines().enumerate() {
            let plain = line.trim();
            if plain.is_empty() {
                continue;
            }
            prose.lines += 1;
            match (fence, marker(plain)) {
                (None, Some((sign, length))) => {
                    prose.code_lines += 1;
                    fence = Some((sign, length, number + 1));
                    let said = plain.trim_start_matches(sign).trim();
                    let language = said.split([' ', ',', '{']).next().unwrap_or_default().to_lowercase();
                    *prose.blocks.entry(language).or_default() += 1;
                }
                (Some((open, length, _)), Some((sign, count)))
                    if sign == open && count >= length && plain.trim_start_matches(sign).is_empty() =>
                {
                    prose.code_lines += 1;
                    fence = None;
                }
                (Some(_), _) => {
                    prose.code_lines += 1;
                    prose.note_tools(plain);
                }
                (None, None) => prose.line(plain),
            }
        }
        prose.unclosed = fence.map(|(.., line)| line);
        prose
    }

    /// All blocks of code.
    pub fn code_blocks(&self) -> usize {
        self.blocks.values().sum()
    }

    fn line(&mut self, plain: &str) {
        self.note_tools(plain);
        if plain.starts_with('#') {
            self.sections += 1;
            return;
        }
        let item = plain.trim_start_matches(|c: char| c.is_ascii_digit());
        let numbered = item.len() < plain.len() && item.starts_with(['.', ')']);
        let is_item = plain.starts_with(['-', '*', '+']) || numbered;
        self.list_items += usize::from(is_item);
        let text = if numbered { &item[1..] } else { plain.trim_start_matches(['-', '*', '+', '>', '|']) };
        for sentence in text.split_inclusive(['.', '!', '?', ':']) {
            let mut words = words(sentence).peekable();
            let Some(first) = words.peek() else { continue };
            self.sentences += 1;
            self.instructions += usize::from(VERBS.contains(&first.as_str()));
            for word in words {
                self.words += 1;
                self.firm += usize::from(FIRM.contains(&word.as_str()));
                self.soft += usize::from(SOFT.contains(&word.as_str()));
            }
        }
    }

    fn note_tools(&mut self, line: &str) {
        let is_part = |c: char| c.is_alphanumeric() || c == '.' || c == '_' || c == '-';
        for word in line.split(|c| !is_part(c)) {
            let word = word.trim_matches('.').to_ascii_lowercase();
            let known = LANGUAGES.iter().find(|(_, _, tools)| tools.contains(&word.as_str()));
            if let Some((language, ..)) = known {
                *self.tools.entry(language).or_default() += 1;
            }
        }
    }
}

/// How far the texts of one skill mix languages.
pub fn mixture<'p>(texts: impl Iterator<Item = &'p Prose>) -> Mixture {
    let mut blocks = BTreeMap::<&'static str, usize>::new();
    let mut languages = std::collections::BTreeSet::new();
    for prose in texts {
        for (said, count) in &prose.blocks {
            let known = LANGUAGES.iter().find(|(_, names, _)| names.contains(&said.as_str()));
            if let Some((language, ..)) = known {
                *blocks.entry(language).or_default() += count;
            }
        }
        languages.extend(prose.tools.keys().copied());
    }
    languages.extend(blocks.keys().copied());
    let all: usize = blocks.values().sum();
    // Of as many blocks each the first by name: the same every time.
    let main = blocks.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(**name)));
    let others = main.map_or(0, |(_, count)| all - count);
    let mixed = if all == 0 { 0.0 } else { others as f32 / all as f32 };
    let breadth = languages.len().saturating_sub(1).min(4) as f32 / 4.0;
    let score = 0.6 * mixed + 0.4 * breadth;
    let level = match score {
        s if s < 0.2 => Level::Low,
        s if s < 0.5 => Level::Medium,
        _ => Level::High,
    };
    // Two digits say all that it knows.
    let score = (score * 100.0).round() / 100.0;
    Mixture { level, score, main: main.map(|(name, _)| *name), languages: languages.into_iter().collect() }
}

/// The sign and the length of a fence at the head of a line.
fn marker(plain: &str) -> Option<(char, usize)> {
    let sign = plain.chars().next().filter(|sign| "`~".contains(*sign))?;
    let length = plain.chars().take_while(|c| *c == sign).count();
    // Three signs and then the same sign again in the line are code within a line.
    let is_fence = length >= 3 && (sign == '~' || !plain[length..].contains(sign));
    is_fence.then_some((sign, length))
}

/// The words of a sentence in lower case, code and signs left out.
fn words(sentence: &str) -> impl Iterator<Item = String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let all = sentence.split(move |c| !is_part(c)).filter(|word| word.chars().any(char::is_alphabetic));
    all.map(|word| word.replace('’', "'").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted() {
        let text = "# Reports\n\nRead the table. It has columns.\n\n- Never guess: ask.\n2. You may skip rows\n\n\
                    ```python\nimport csv\npip install x\n```\n";
        let prose = Prose::read(text);
        assert_eq!((prose.sections, prose.list_items, prose.sentences, prose.instructions), (1, 2, 5, 3));
        assert_eq!((prose.words, prose.firm, prose.soft), (13, 1, 1));
        assert_eq!((prose.lines, prose.code_lines, prose.code_blocks()), (8, 4, 1));
        assert_eq!(prose.tools, BTreeMap::from([("python", 1)]));
        assert_eq!(prose.unclosed, None);
    }

    #[test]
    fn a_fence_is_closed_by_its_like_alone() {
        let unclosed = |text: &str| Prose::read(text).unclosed;
        assert_eq!(unclosed("a\n```\nb\n"), Some(2));
        assert_eq!(unclosed("~~~\n```\n~~~\n"), None);
        assert_eq!(unclosed("````\n```\n"), Some(1));
        assert_eq!(unclosed("````\n```\n````\n"), None);
        assert_eq!(unclosed("```sh\n``` x\n```\n"), None);
        assert_eq!(unclosed("use ```x``` here\n```x```\n"), None);
    }

    #[test]
    fn languages_that_stand_side_by_side_are_a_mixture() {
        let check = |text: &str, level: Level, score: f32, languages: &[&str]| {
            let mixture = mixture([Prose::read(text)].iter());
            assert_eq!(
                (mixture.level, mixture.score, &*mixture.languages),
                (level, score, languages),
                "{text}"
            );
        };
        check("no code", Level::Low, 0.0, &[]);
        check("```python\n```\n```sh\npip install\n```\n```json\n```\n", Level::Low, 0.0, &["python"]);
        check("```py\n```\n```ts\n```\n", Level::Medium, 0.4, &["javascript", "python"]);
        check("```py\n```\n```go\n```\n```rust\n```\n", Level::High, 0.6, &["go", "python", "rust"]);
        check("Use npm or cargo.", Level::Low, 0.1, &["javascript", "rust"]);
    }
}
