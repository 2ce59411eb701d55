//! A struct for each table: a row as the author fills it in.

use aviary_manifest::{Column, ColumnType, Manifest, Table};
use proc_macro2::TokenStream;
use quote::quote;

use crate::names;

pub(crate) fn make(m: &Manifest) -> TokenStream {
    if m.tables.is_empty() {
        return TokenStream::new();
    }
    let rows = m.tables.iter().enumerate().map(|(i, t)| row(i, t));
    quote! {
        /// A struct for each table of the manifest.
        pub mod tables {
            #(#rows)*
        }
    }
}

fn row(ordinal: usize, table: &Table) -> TokenStream {
    // Bounded by the manifest's rules.
    let ordinal = u16::try_from(ordinal).unwrap_or(u16::MAX);
    let name = names::ty(&table.name);
    let doc = format!("A row of `{}`.", table.name);
    let fields: Vec<_> = table
        .columns
        .iter()
        .map(|c| names::value(&c.name))
        .collect();
    let docs = table
        .columns
        .iter()
        .map(|c| format!("`{}`", String::from(c.clone())));
    let types = table.columns.iter().map(rust_type);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq)]
        pub struct #name {
            #(#[doc = #docs] pub #fields: #types,)*
        }

        impl ::aviary_plugin::Row for #name {
            #[inline]
            fn into_put(self) -> ::aviary_plugin::made::Put {
                ::aviary_plugin::made::Put {
                    table: #ordinal,
                    row: ::std::vec![
                        #(::aviary_plugin::made::IntoValue::into_value(self.#fields),)*
                    ],
                }
            }
        }
    }
}

/// The type of a column's values.
pub(crate) fn rust_type(column: &Column) -> TokenStream {
    let plain = match column.ty {
        ColumnType::Text | ColumnType::Did | ColumnType::AtUri => quote!(::std::string::String),
        ColumnType::Integer => quote!(i64),
        ColumnType::Real => quote!(f64),
        ColumnType::Boolean => quote!(bool),
        ColumnType::Time => quote!(::aviary_plugin::Time),
        ColumnType::Bytes => quote!(::aviary_plugin::Bytes),
        ColumnType::Json => quote!(::aviary_plugin::Json),
    };
    if column.nullable {
        quote!(::std::option::Option<#plain>)
    } else {
        plain
    }
}
