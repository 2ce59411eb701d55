//! A good indexer that also imports an interface which no host offers.

use aviary_plugin::{Change, Indexer, Outcome, skip};

aviary_plugin::plugin!();

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
mod wit {
    wit_bindgen::generate!({
        inline: "
            package test:stranger@1.2.3;
            interface telepathy { ask: func(question: string) -> string; }
            world stranger { import telepathy; }
        ",
        world: "stranger",
    });
}

impl Indexer for Plugin {
    fn index(change: &Change<'_>) -> Outcome {
        if wit::test::stranger::telepathy::ask(change.rkey()).is_empty() {
            return skip();
        }
        Ok(aviary_plugin::Rows::none())
    }
}
