"""The options of operations and the walk rules as a form, made from their JSON schemas only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic
import streamlit as st

from pages.base import text
from pages.components import earlier_results, fields, operation_cards
from services import bootstrap, operations

_BASIC, _ADVANCED = "basic", "advanced"


@dataclass(frozen=True)
class Filled:
    """What a form holds.

    Attributes:
        options: JSON values that differ from the defaults, by operation and field.
        walk: the same by field.
        valid: false when an error stands at a field.
    """

    options: dict[str, dict[str, Any]]
    walk: dict[str, Any]
    valid: bool


def show(
    services: bootstrap.Services,
    chosen: Sequence[operations.Operation],
    start: Mapping[str, Mapping[str, Any]],
    key: str,
) -> Filled:
    """Draw the form, basic fields first, the advanced ones in an expander; errors stand at their field.

    Args:
        start: JSON values to begin with: ``options`` by operation and field, ``walk`` by field.
        key: changes when the form is to begin anew.
    """
    forms = [
        _Part(services, operation.options, start["options"].get(operation.name) or {}, f"{key}_{operation.name}")
        for operation in chosen
    ]
    walk = _Part(services, operations.WalkOptions, start["walk"], f"{key}_walk")
    _draw(chosen, forms, _BASIC)
    if walk.has(_BASIC):
        st.markdown("**Files to include**")
        walk.draw(_BASIC)
    changed = sum(part.changed(_ADVANCED) for part in (*forms, walk))
    label = f"More options :primary-badge[{changed} set]" if changed else "More options"
    with st.expander(label, icon=":material/tune:", expanded=bool(changed), key=f"{key}_advanced"):
        _draw(chosen, forms, _ADVANCED)
        walk.draw(_ADVANCED)
    valid = [part.check() for part in (*forms, walk)]
    options = {operation.name: part.values() for operation, part in zip(chosen, forms, strict=True)}
    return Filled({name: values for name, values in options.items() if values}, walk.values(), all(valid))


def _draw(chosen: Sequence[operations.Operation], forms: Sequence[_Part], category: str) -> None:
    for operation, part in zip(chosen, forms, strict=True):
        if part.has(category):
            if len(forms) > 1:
                st.markdown(f"**{operation_cards.icon(operation)} {text.plain(operation.title)}**")
            part.draw(category)


class _Part:
    """The fields of one options model."""

    def __init__(
        self, services: bootstrap.Services, model: type[operations.Options], start: Mapping[str, Any], key: str
    ) -> None:
        self._services = services
        self._model = model
        self._start = start
        self._key = key
        schema = model.model_json_schema()
        definitions = schema.get("$defs", {})
        self._schemas = {
            name: fields.resolved(part, definitions) for name, part in schema.get("properties", {}).items()
        }
        self._required = set(schema.get("required", ()))
        self._defaults = fields.defaults(model)
        self._filled: dict[str, Any] = {}
        self._slots: dict[str, Any] = {}
        self._unreadable = False

    def has(self, category: str) -> bool:
        return any(schema.get("category", _BASIC) == category for schema in self._schemas.values())

    def changed(self, category: str) -> int:
        """Return how many fields of a category begin with something else than their default."""
        mine = (name for name, schema in self._schemas.items() if schema.get("category", _BASIC) == category)
        return sum(name in self._start and self._start[name] != self._defaults.get(name) for name in mine)

    def draw(self, category: str) -> None:
        mine = [name for name, schema in self._schemas.items() if schema.get("category", _BASIC) == category]
        if not mine:
            return
        with st.grid(2, min_column_width=260):
            for name in mine:
                with st.container(gap="xsmall"):
                    self._draw_field(name)

    def _draw_field(self, name: str) -> None:
        schema, key = self._schemas[name], f"{self._key}_{name}"
        start = self._start.get(name, self._defaults.get(name))
        slot = st.container()
        self._slots[name] = st.container()
        with slot:
            try:
                if "result_of" in schema:
                    self._filled[name] = earlier_results.show(self._services, name, schema, start, key)
                else:
                    self._filled[name] = fields.show(name, schema, start, key)
            except fields.UnreadableError as error:
                self._unreadable = True
                self._say(name, str(error))

    def values(self) -> dict[str, Any]:
        """Return what differs from the defaults."""
        return {name: value for name, value in self._filled.items() if value != self._defaults.get(name)}

    def check(self) -> bool:
        """Validate by the model; say what is wrong at the field it is wrong at."""
        try:
            self._model.model_validate(self.values())
        except pydantic.ValidationError as error:
            for one in error.errors(include_url=False, include_context=False):
                name = str(one["loc"][0]) if one["loc"] else ""
                if self._is_missing(name, one["type"]):
                    # Nobody has done anything wrong yet.
                    self._place(name).markdown(":gray[:material/edit: Required.]")
                else:
                    self._say(name, self._sentence(one["msg"]))
            return False
        return not self._unreadable

    def _is_missing(self, name: str, kind: str) -> bool:
        return kind == "missing" or (name in self._required and not self._filled.get(name))

    def _sentence(self, message: str) -> str:
        message = message.removeprefix("Value error, ")
        for field, schema in self._schemas.items():
            message = message.replace(field, f"“{schema.get('title', field)}”")
        return f"{message[:1].upper()}{message[1:]}."

    def _say(self, name: str, message: str) -> None:
        self._place(name).markdown(f":red[:material/error: {text.plain(message)}]")

    def _place(self, name: str) -> Any:
        return self._slots.get(name) or st.container()
