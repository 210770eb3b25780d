//! The `[[list]]` blocks of `config.toml`, however a list is written: read, added, removed.

use toml_edit::{ArrayOfTables, Item, Table, TableLike};

use super::{Config, Error};

/// The tables of a list, however it is written; none when it is no list of tables.
pub(super) fn tables(item: &Item) -> Option<Vec<&dyn TableLike>> {
    match item {
        Item::ArrayOfTables(tables) => Some(tables.iter().map(|t| t as &dyn TableLike).collect()),
        Item::Value(toml_edit::Value::Array(array)) => {
            array.iter().map(|v| v.as_inline_table().map(|t| t as &dyn TableLike)).collect()
        }
        _ => None,
    }
}

impl Config {
    /// Adds a `[[list]]` block at the end.
    pub(super) fn push_block(&mut self, list: &str, table: Table) -> Result<(), Error> {
        let item = self.document.entry(list).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        // An empty `[]` is valid: it becomes a list of tables.
        if item.as_array().is_some_and(toml_edit::Array::is_empty) {
            *item = Item::ArrayOfTables(ArrayOfTables::new());
        }
        let Some(tables) = item.as_array_of_tables_mut() else {
            let problem = format!("is written as an inline list; write each of them as a [[{list}]] block");
            return Err(Error::Value { path: self.path.clone(), key: list.to_owned(), problem });
        };
        tables.push(table);
        self.reparse()
    }

    /// Removes one of a list, however the list is written.
    pub(super) fn remove_block(&mut self, list: &str, position: usize) -> Result<(), Error> {
        match self.document.get_mut(list) {
            Some(Item::ArrayOfTables(tables)) => {
                tables.remove(position);
                if tables.is_empty() {
                    self.document.remove(list);
                }
            }
            Some(Item::Value(toml_edit::Value::Array(tables))) => {
                tables.remove(position);
            }
            _ => {}
        }
        self.reparse()
    }
}
