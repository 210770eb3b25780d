//! Work on many independent things at once; on few, in order on the caller's own thread.

use rayon::prelude::*;

/// Below this, starting threads costs more than it saves (and a crash test sees one thread).
const WORTH_IT: usize = 32;

/// Applies `work` to each of `items`; results in the order of the items.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    if items.len() < WORTH_IT {
        items.iter().map(work).collect()
    } else {
        items.par_iter().map(work).collect()
    }
}

/// Like [`map`], for few items that are each a lot of work.
pub fn map_few<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    items.par_iter().map(work).collect()
}

/// Like [`map`], for work that uses up its items.
pub fn map_owned<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    if items.len() < WORTH_IT {
        items.into_iter().map(work).collect()
    } else {
        items.into_par_iter().map(work).collect()
    }
}

/// Like [`map`], but gives the first error, in the order of the items.
pub fn try_map<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E> {
    map(items, work).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_and_the_first_error_wins() {
        for count in [3_usize, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map(&items, |i| i * 2), items.iter().map(|i| i * 2).collect::<Vec<_>>());
            let failed: Result<Vec<usize>, usize> = try_map(&items, |&i| if i > 0 { Err(i) } else { Ok(i) });
            assert_eq!(failed, Err(1));
        }
    }
}
