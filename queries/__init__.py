"""The query list: what Wikipedia and WordNet say is worth finding. Rules only; nothing here knows Beam."""
