"""What a task makes of the labels that users have: which it takes, and what they mean."""

from __future__ import annotations

from .labels import Array, check_known_values


class Labelled:
    """What a task says of labels; the defaults suit masks.

    Examples
    --------
    >>> Labelled().label_names
    ('background', 'foreground')
    """

    @property
    def label_names(self) -> tuple[str, ...]:
        """Name of each class id from 0 on; for tables and the model card."""
        return ("background", "foreground")

    @property
    def balances_classes(self) -> bool:
        """Whether patches are drawn so that every label value is seen as often.

        For labels that are classes; where they number objects, all are one foreground.
        """
        return len(self.label_names) > 2

    @property
    def numbers_classes(self) -> bool:
        """Whether label values are numbers of classes: outlines are then read by their classes.

        Else these are objects, or the foreground of a mask.
        """
        return self.balances_classes

    @property
    def object_classes(self) -> tuple[str, ...]:
        """Name of each class that objects may have, from 1 on; none where they have none.

        Labels of such a task hold the class of each object, see `segmentation.classed`.
        """
        return ()

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Say why `labels` cannot be truth for this task.

        Parameters
        ----------
        labels : ndarray of int, shape (y, x) or (z, y, x)
            As stored.
        known : ndarray of bool, optional
            Pixels that count; all by default.

        Returns
        -------
        list of str
            One sentence per reason.

        Examples
        --------
        >>> import numpy as np
        >>> Labelled().check_labels(np.array([[0, -3]]))
        ['labels must not be negative, found -3']
        """
        return check_known_values(labels, known)

    def describe_labels(self, labels: Array) -> list[str]:
        """Say what `prepare` will understand rather than read.

        Parameters
        ----------
        labels : ndarray of int, shape (y, x) or (z, y, x)
            As stored.

        Returns
        -------
        list of str
            One sentence each.

        Examples
        --------
        >>> import numpy as np
        >>> from cytoloom.tasks import Binary
        >>> Binary().describe_labels(np.array([[0, 255]]))
        ['0/255 read as a mask: every value above 0 is foreground']
        """
        return []

    def prepare(self, labels: Array) -> Array:
        """Return `labels` as this task understands them, e.g. 0/255 as 0/1.

        Labels too large to be kept come region by region; if they number objects, not at all.

        Parameters
        ----------
        labels : ndarray of int, shape (y, x) or (z, y, x)
            As stored.

        Returns
        -------
        ndarray of int
            Of the same shape.

        Examples
        --------
        >>> import numpy as np
        >>> from cytoloom.tasks import Binary
        >>> Binary().prepare(np.array([[0, 255]]))
        array([[0, 1]], dtype=uint8)
        """
        return labels

    def objects(self, labels: Array) -> Array | None:
        """Return `labels` where each of their values is an object whose size means something.

        Planning chooses network and patches by these sizes, and `predict` knows by them whether
        an image has to be enlarged. None, the default, where labels are areas or lines.

        Parameters
        ----------
        labels : ndarray of int
            As `prepare` returned them; 0 is background.

        Returns
        -------
        ndarray of int or None

        Examples
        --------
        >>> import numpy as np
        >>> from cytoloom.tasks import Binary, Instances
        >>> labels = np.array([[0, 2]])
        >>> Instances().objects(labels) is labels, Binary().objects(labels)
        (True, None)
        """
        return None
