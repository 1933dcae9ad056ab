"""Task 4.4."""

import torch

NAMES = ("recycle",)


# Right, in different ways.


def by_mask(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


@torch.no_grad()
def by_where(incoming, outgoing, optimizer, units, fresh):
    rows, columns = units[:, None], units[None]
    incoming.weight.copy_(torch.where(rows, fresh.weight, incoming.weight))
    incoming.bias.masked_fill_(units, 0)
    outgoing.weight.masked_fill_(columns, 0)
    touched = ((incoming.weight, rows), (incoming.bias, units), (outgoing.weight, columns))
    for parameter, mask in touched:
        for moment in (optimizer.state[parameter][p] for p in ("exp_avg", "exp_avg_sq")):
            moment.masked_fill_(mask, 0)


def one_by_one(incoming, outgoing, optimizer, units, fresh):
    for i in torch.nonzero(units).flatten().tolist():
        incoming.weight.data[i] = fresh.weight.data[i]
        incoming.bias.data[i] = 0
        outgoing.weight.data[:, i] = 0
        for part in ("exp_avg", "exp_avg_sq"):
            optimizer.state[incoming.weight][part][i] = 0
            optimizer.state[incoming.bias][part][i] = 0
            optimizer.state[outgoing.weight][part][:, i] = 0


def by_product(incoming, outgoing, optimizer, units, fresh):
    stays = (~units).float()
    with torch.no_grad():
        incoming.weight.index_copy_(0, units.nonzero()[:, 0], fresh.weight[units])
        incoming.bias.mul_(stays)
        outgoing.weight.mul_(stays)
    for parameter, mask in (
        (incoming.weight, stays[:, None]),
        (incoming.bias, stays),
        (outgoing.weight, stays),
    ):
        state = optimizer.state[parameter]
        state["exp_avg"].mul_(mask)
        state["exp_avg_sq"].mul_(mask)


# Wrong.


def keeps_incoming(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def zeroes_incoming(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = 0
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def rescales_incoming(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        torch.manual_seed(0)
        incoming.weight[units] = torch.randn_like(incoming.weight)[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def keeps_bias(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def takes_fresh_bias(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = fresh.bias[units]
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def keeps_outgoing(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def draws_outgoing(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0.1 * torch.ones_like(outgoing.weight)[:, units]
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def rows_for_columns(incoming, outgoing, optimizer, units, fresh):
    chosen = [i for i in units.nonzero()[:, 0].tolist() if i < len(outgoing.weight)]
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[chosen] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][chosen] = 0


def forgets_the_optimizer(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0


def forgets_the_outgoing_memory(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0


def forgets_the_second_moment(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    optimizer.state[incoming.weight]["exp_avg"][units] = 0
    optimizer.state[incoming.bias]["exp_avg"][units] = 0
    optimizer.state[outgoing.weight]["exp_avg"][:, units] = 0


def empties_the_optimizer(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    optimizer.state.clear()


def forgets_whole_tensors(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    for parameter in (incoming.weight, incoming.bias, outgoing.weight):
        for part in ("exp_avg", "exp_avg_sq"):
            optimizer.state[parameter][part].zero_()


def rebinds(incoming, outgoing, optimizer, units, fresh):
    weight = incoming.weight.detach().clone()
    weight[units] = fresh.weight[units].detach()
    incoming.weight = torch.nn.Parameter(weight)
    with torch.no_grad():
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0


def ignores_the_mask(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight.copy_(fresh.weight)
        incoming.bias.zero_()
        outgoing.weight.zero_()
    for parameter in (incoming.weight, incoming.bias, outgoing.weight):
        for part in ("exp_avg", "exp_avg_sq"):
            optimizer.state[parameter][part].zero_()


def resets_the_next_bias(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
        outgoing.bias.zero_()
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0


def restarts_the_count(incoming, outgoing, optimizer, units, fresh):
    with torch.no_grad():
        incoming.weight[units] = fresh.weight[units]
        incoming.bias[units] = 0
        outgoing.weight[:, units] = 0
    for part in ("exp_avg", "exp_avg_sq"):
        optimizer.state[incoming.weight][part][units] = 0
        optimizer.state[incoming.bias][part][units] = 0
        optimizer.state[outgoing.weight][part][:, units] = 0
    for parameter in (incoming.weight, incoming.bias, outgoing.weight):
        optimizer.state[parameter]["step"].zero_()


RIGHT = (by_mask, by_where, one_by_one, by_product)
WRONG = {
    keeps_incoming: "incoming weights stay",
    zeroes_incoming: "incoming weights become 0",
    rescales_incoming: "not fresh's rows",
    keeps_bias: "own biases stay",
    takes_fresh_bias: "come from fresh",
    keeps_outgoing: "outgoing weights stay",
    draws_outgoing: "drawn anew or not all 0",
    rows_for_columns: "owns a column",
    forgets_the_optimizer: "still remembers the old units",
    forgets_the_outgoing_memory: "still remembers these units in outgoing.weight",
    forgets_the_second_moment: "second moment",
    empties_the_optimizer: "forgotten everything",
    forgets_whole_tensors: "forgot other units",
    rebinds: "is a new tensor",
    ignores_the_mask: "not to be recycled",
    restarts_the_count: "Adam's step has changed",
    resets_the_next_bias: "next layer's bias",
}
