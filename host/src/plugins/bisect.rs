//! Halving: finds the items of a batch that a call fails on, with as few calls as it takes.

use std::ops::Range;

/// Calls `call` on the whole of `items`, and on halves of what failed until a failing item is alone, which `alone`
/// then turns into its answer. Answers come in the order of `items`, one for each.
///
/// One bad item in n costs about 2·log2(n) more calls. `call` has to answer for every item it is given.
pub fn bisect<T, O, E>(
    items: &[T],
    mut call: impl FnMut(&[T]) -> Result<Vec<O>, E>,
    mut alone: impl FnMut(E) -> O,
) -> Vec<O> {
    let mut answers = Vec::with_capacity(items.len());
    // Ranges still to do, the next one last.
    let mut todo: Vec<Range<usize>> = Vec::new();
    todo.push(0..items.len());
    while let Some(range) = todo.pop() {
        if range.is_empty() {
            continue;
        }
        match call(&items[range.clone()]) {
            Ok(some) => answers.extend(some),
            Err(error) if range.len() == 1 => answers.push(alone(error)),
            Err(_) => {
                let middle = range.start + range.len() / 2;
                todo.push(middle..range.end);
                todo.push(range.start..middle);
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::bisect;

    fn run(n: u32, bad: &[u32]) -> (Vec<Result<u32, u32>>, u32) {
        let items: Vec<u32> = (0..n).collect();
        let mut calls = 0;
        let answers = bisect(
            &items,
            |part| {
                calls += 1;
                match part.iter().find(|i| bad.contains(i)) {
                    Some(i) => Err(*i),
                    None => Ok(part.iter().map(|i| Ok(*i)).collect()),
                }
            },
            Err,
        );
        (answers, calls)
    }

    #[test]
    fn one_bad_item_in_256_costs_17_calls() {
        for at in [0, 1, 100, 255] {
            let (answers, calls) = run(256, &[at]);
            let expected: Vec<_> = (0..256)
                .map(|i| if i == at { Err(i) } else { Ok(i) })
                .collect();
            assert_eq!(answers, expected);
            assert_eq!(calls, 17);
        }
    }

    #[test]
    fn any_mix_keeps_its_order() {
        assert_eq!(run(0, &[]), (vec![], 0));
        assert_eq!(run(7, &[]).1, 1);
        let (answers, calls) = run(5, &[0, 1, 2, 3, 4]);
        assert_eq!(answers, (0..5).map(Err).collect::<Vec<_>>());
        assert_eq!(calls, 9);
    }
}
