//! Where the parts of a JSON text stand in it. The text is known to be JSON: nothing is checked here.

use std::ops::Range;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// From its first byte to the one after its last.
    pub(super) span: Range<usize>,
    kind: Kind,
    children: Vec<Node>,
    /// Of an object: the keys of its children, and where they begin.
    keys: Vec<(String, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    Other,
}

impl Node {
    pub(super) fn is_array(&self) -> bool {
        self.kind == Kind::Array
    }

    /// The values in it.
    pub(super) fn children(&self) -> &[Node] {
        &self.children
    }

    /// Its keys and values; `None` when it is no object.
    pub(super) fn members(&self) -> Option<impl Iterator<Item = (&str, &Node)>> {
        let members = self.keys.iter().map(|(key, _)| key.as_str()).zip(&self.children);
        (self.kind == Kind::Object).then_some(members)
    }

    /// Where its children stand, keys included.
    pub(super) fn wholes(&self) -> impl Iterator<Item = Range<usize>> {
        let start = |at: usize, child: &Node| self.keys.get(at).map_or(child.span.start, |(_, start)| *start);
        self.children.iter().enumerate().map(move |(at, child)| start(at, child)..child.span.end)
    }
}

/// The value that `text` is.
pub(super) fn scan(text: &str) -> Node {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blank();
    scanner.value()
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn blank(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// The value that begins here.
    fn value(&mut self) -> Node {
        let start = self.at;
        let (mut children, mut keys) = (Vec::new(), Vec::new());
        let kind = match self.byte() {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => {
                self.string();
                return Node { span: start..self.at, kind: Kind::Other, children, keys };
            }
            _ => {
                while !matches!(self.byte(), b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' | 0) {
                    self.at += 1;
                }
                return Node { span: start..self.at, kind: Kind::Other, children, keys };
            }
        };
        self.at += 1;
        loop {
            self.blank();
            match self.byte() {
                b'}' | b']' => break,
                b',' => {
                    self.at += 1;
                    continue;
                }
                // The text ended, which JSON does not.
                0 => return Node { span: start..self.at, kind, children, keys },
                _ => {}
            }
            if kind == Kind::Object {
                let key = self.at;
                self.string();
                let name = serde_json::from_str(&self.text[key..self.at]).unwrap_or_default();
                keys.push((name, key));
                self.blank();
                // The colon.
                self.at += 1;
                self.blank();
            }
            children.push(self.value());
        }
        self.at += 1;
        Node { span: start..self.at, kind, children, keys }
    }

    fn string(&mut self) {
        self.at += 1;
        loop {
            match self.byte() {
                b'"' | 0 => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }
}
