//! The interface as `wit/v0.1` has it, for what the typed side does not reach. Most authors need none of it.
//!
//! One binding for each world of one kind; a plugin of both kinds exports both, and the linker unites the worlds.

/// The `indexer` world: its exports, and the imports that every plugin has.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod indexer {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        world: "indexer-plugin",
        pub_export_macro: true,
        export_macro_name: "export_indexer",
        default_bindings_module: "aviary_plugin::wit::indexer",
        additional_derives: [Clone, PartialEq],
        generate_all,
    });
}

/// The `methods` world.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod methods {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        world: "methods-plugin",
        pub_export_macro: true,
        export_macro_name: "export_methods",
        default_bindings_module: "aviary_plugin::wit::methods",
        additional_derives: [Clone, PartialEq],
        with: {
            "aviary:plugin/types@0.1.0": crate::wit::indexer::aviary::plugin::types,
            "aviary:plugin/log@0.1.0": crate::wit::indexer::aviary::plugin::log,
            "aviary:plugin/settings@0.1.0": crate::wit::indexer::aviary::plugin::settings,
        },
        generate_all,
    });
}

pub use indexer::aviary::plugin::{log, settings, types};
pub use methods::aviary::plugin::{records, store};
